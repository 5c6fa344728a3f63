// Makes the pages better where there is JavaScript; everything works without. Talks to its own event only.
// What the server renders is the truth: this follows it between two loads, tells it by title and sound, and keeps tabs
// of one browser saying the same.
(() => {
  'use strict';
  const FAR = 1000; // beyond, the shared counter says enough, and a cache may answer for it
  const OWN_SECONDS = 60; // the own place is asked for at least so often, also by who is far
  const LEAST_SECONDS = 1.6; // a turn is to be noticed within two
  const STREAM_SECONDS = 30; // polls beside a stream that is open, and before another one is tried
  const NEWS_SECONDS = 15;
  const SAY_SECONDS = 20; // a screen reader hears the position no more often
  const WARN_SECONDS = 60;
  const MAP_SECONDS = 3;
  const WHOLE_LOOKS = 20; // one look at the map in so many asks for all of it
  const REQUEST_MS = 10000;

  const root = document.documentElement;
  const { base, lang } = root.dataset;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const write = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
  const hide = (element, hidden) => { if (element && element.hidden !== hidden) element.hidden = hidden; };
  const home = () => location.replace(base + '/');
  const jitter = (seconds) => seconds * (1 - 0.2 * Math.random());
  const after = (seconds, what) => setTimeout(what, seconds * 1000);
  const kept = { // private windows may have no storage
    get: (store, key) => { try { return store.getItem(base + key); } catch { return null; } },
    set: (store, key, value) => { try { store.setItem(base + key, value); } catch { /* then it is not kept */ } },
  };
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('ticketon' + base) : null;
  const tell = (message) => channel && channel.postMessage(message);
  const ask = (path, accept) => fetch(path, {
    headers: { accept }, signal: AbortSignal.timeout ? AbortSignal.timeout(REQUEST_MS) : undefined,
  });
  let title = document.title;

  // --- What any page has -------------------------------------------------------------------------------------------
  const clock = (seconds) => {
    const two = (n) => String(n).padStart(2, '0');
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return h ? h + ':' + two(m) + ':' + two(s) : m + ':' + two(s);
  };

  const countdown = (element) => {
    // By the server's count of seconds, not by the reader's clock; one of the two may stand still while asleep.
    const begun = [performance.now(), Date.now()];
    const tick = () => {
      if (!element.isConnected) return clearInterval(timer);
      const passed = Math.max(performance.now() - begun[0], Date.now() - begun[1]) / 1000;
      const left = Math.max(0, Math.round(Number(element.dataset.left) - passed));
      write(element, clock(left));
      if (left <= WARN_SECONDS && 'ends' in element.dataset) {
        hide(one('[data-warning]'), false);
        element.classList.add('soon');
        document.title = clock(left) + ' · ' + title;
      }
      if (left > 0) return;
      clearInterval(timer);
      if ('stays' in element.dataset) return;
      after(0.3 + ('ends' in element.dataset ? 0.7 : 2 * Math.random()), home); // a crowd does not come at once
    };
    const timer = setInterval(tick, 1000);
    tick();
  };

  // The map follows what others do: only what changed since is asked for, while somebody looks.
  const seatMap = (form) => {
    const boxes = new Map(all('input[name=seats]', form).map((box) => [box.value, box]));
    const words = form.dataset;
    const taken = new Set([...boxes.values()].filter((box) => box.disabled));
    let looks = 0;
    const update = () => {
      const chosen = [...boxes.values()].filter((box) => box.checked);
      const full = chosen.length >= Number(words.most);
      boxes.forEach((box) => { box.disabled = taken.has(box) || (full && !box.checked); });
      write(one('[data-chosen]', form), chosen.map((box) => box.value).join(', ') || '–');
      one('button', form).disabled = chosen.length === 0;
    };
    const show = (map) => {
      words.cursor = map.cursor;
      write(one('[data-free]'), map.free.toLocaleString(lang));
      const lost = map.seats.filter(({ id, state }) => {
        const box = boxes.get(id);
        if (!box || taken.has(box) === (state !== 'free')) return false;
        const label = box.getAttribute('aria-label').split(' · ')[0];
        const was = box.checked;
        if (state === 'free') taken.delete(box); else { taken.add(box); box.checked = false; }
        box.parentNode.classList.toggle('taken', state !== 'free');
        box.setAttribute('aria-label', state === 'free' ? label : label + ' · ' + words.taken);
        return was;
      });
      if (lost.length) {
        write(one('[data-news]', form), words.lost.replace('{seats}', lost.map(({ id }) => id).join(', ')));
        hide(one('[data-news]', form), false);
      }
      update();
    };
    const follow = async () => {
      if (!form.isConnected) return;
      try {
        const since = looks % WHOLE_LOOKS === WHOLE_LOOKS - 1 ? '' : '&since=' + words.cursor;
        const answer = document.hidden || !words.map ? null : await ask(words.map + since, 'application/json');
        if (answer && answer.ok) { looks += 1; show(await answer.json()); }
      } catch { /* the next look tells; holding seats tells in any case */ }
      after(jitter(MAP_SECONDS), follow);
    };
    // Arrows go to the next seat that is free: tab would take hundreds of steps.
    const step = (event) => {
      const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key] * (root.dir === 'rtl' ? -1 : 1);
      const down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!boxes.has(event.target.value) || !(across || down)) return;
      event.preventDefault();
      const rows = all('.row', form).map((row) => all('input', row));
      let row = rows.findIndex((found) => found.includes(event.target));
      let at = rows[row].indexOf(event.target);
      do { if (across) at += across; else row += down; } while (rows[row]?.[at]?.disabled);
      if (rows[row]?.[at]) rows[row][at].focus();
    };
    form.addEventListener('change', update);
    form.addEventListener('keydown', step);
    update();
    after(jitter(MAP_SECONDS), follow);
  };

  // A join goes by the API, which may ask for a proof of work; whatever else it answers, the form's own way tells.
  const joining = (form) => form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = one('button', form);
    const send = (body) => fetch(base + '/v1/line', {
      method: 'POST', headers: { accept: 'application/json', 'content-type': 'application/json' }, body: JSON.stringify(body),
    });
    const solve = (wanted) => new Promise((resolve, reject) => {
      const work = new Worker(form.dataset.join);
      work.onerror = reject;
      work.onmessage = ({ data }) => { work.terminate(); resolve(wanted.challenge + '~' + data); };
      work.postMessage({ seed: wanted.seed, bits: wanted.bits });
    });
    (async () => {
      const code = one('[name=presale_code]', form);
      const body = code ? { presale_code: code.value } : {};
      let answer = await send(body);
      const wanted = answer.status === 403 ? await answer.json() : {};
      if (wanted.challenge) {
        write(button, form.dataset.busy);
        answer = await send({ ...body, challenge: await solve(wanted) });
      }
      if (!answer.ok) throw new Error('refused');
      home();
    })().catch(() => form.submit());
  });

  const dress = (within) => {
    all('time[datetime]', within).forEach((element) => {
      const at = new Date(element.dateTime);
      if (!isNaN(at)) element.textContent = at.toLocaleString(lang, { dateStyle: 'medium', timeStyle: 'short' });
    });
    all('[data-left]', within).forEach(countdown);
    all('form[data-most]', within).forEach(seatMap);
    all('form[data-join]', within).forEach(joining);
    all('form', within).forEach((form) => form.addEventListener('submit', () => {
      // Not sent twice by a second press.
      setTimeout(() => all('button', form).forEach((button) => { button.disabled = true; }), 0);
    }));
  };

  const news = (line) => {
    const message = one('[data-message]');
    write(message, line.message);
    hide(message, !line.message);
    hide(one('[data-paused]'), !line.paused);
    hide(one('[data-sold-out]'), !line.sold_out);
  };

  // --- Tabs ----------------------------------------------------------------------------------------------------------
  // A tab says what it was shown. Another one that was shown something else asks the server, once for each such word.
  const truth = () => { if (root.dataset.truth) tell({ truth: root.dataset.truth }); };
  const heard = (other) => {
    const { truth: mine, follows } = root.dataset;
    if (follows === undefined || other === mine || kept.get(sessionStorage, 'heard') === other) return;
    kept.set(sessionStorage, 'heard', other);
    home();
  };
  const listeners = [(message) => { if (message.truth) heard(message.truth); }];
  if (channel) channel.onmessage = (event) => listeners.forEach((listener) => listener(event.data));
  if (kept.get(sessionStorage, 'heard') === root.dataset.truth) kept.set(sessionStorage, 'heard', '');
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

  const main = one('main');
  dress(document);
  truth();

  const flash = (text) => {
    // For who looks at another tab: the title alternates until this one is looked at.
    let on = true;
    const timer = setInterval(() => {
      if (!document.hidden) { clearInterval(timer); on = false; }
      document.title = on ? text : title;
      on = !on;
    }, 1000);
  };
  if (root.dataset.flash && document.hidden) flash(root.dataset.flash);

  // --- Pages that bring themselves up to date -------------------------------------------------------------------------
  const refresh = async () => {
    let again = Number(main.dataset.refresh);
    try {
      const answer = await ask(location.href, 'text/html');
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const other = page.documentElement.dataset;
      if (!other.view) throw new Error('not a page of ours');
      if (other.view !== root.dataset.view) return location.reload();
      const next = one('main', page);
      if (other.truth !== root.dataset.truth) {
        title = document.title = page.title;
        root.dataset.truth = other.truth;
        main.replaceChildren(...next.childNodes);
        dress(main);
        truth();
      }
      again = Number(next.dataset.refresh || 0);
      hide(one('[data-offline]'), true);
    } catch {
      hide(one('[data-offline]'), false);
    }
    if (again) after(jitter(again), refresh);
  };

  const waiting = one('[data-waiting]');
  if (!waiting) {
    if (main.dataset.refresh) after(jitter(Number(main.dataset.refresh)), refresh);
    const listen = async () => {
      try {
        const answer = await ask(base + '/v1/serving', 'application/json');
        if (answer.ok) news(await answer.json());
        hide(one('[data-offline]'), true);
      } catch {
        hide(one('[data-offline]'), false);
      }
      after(jitter(NEWS_SECONDS), listen);
    };
    after(jitter(NEWS_SECONDS), listen);
    return;
  }

  // --- Sound -----------------------------------------------------------------------------------------------------------
  const Audio = window.AudioContext || window.webkitAudioContext;
  const button = one('[data-sound]');
  let sound = null;
  const audible = () => sound !== null && sound.state === 'running' && kept.get(localStorage, 'sound') !== 'off';
  const showSound = () => button.setAttribute('aria-pressed', String(audible()));
  const bell = (...pitches) => {
    if (!audible()) return;
    pitches.forEach((pitch, index) => {
      const at = sound.currentTime + index * 0.35;
      const tone = sound.createOscillator();
      const volume = sound.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.25, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
      tone.connect(volume).connect(sound.destination);
      tone.start(at);
      tone.stop(at + 0.6);
    });
  };
  if (Audio && button) {
    sound = new Audio(); // browsers let it sound once the page was touched: the button says whether it will
    sound.onstatechange = showSound;
    button.hidden = false;
    showSound();
    button.addEventListener('click', async () => {
      const on = !audible();
      kept.set(localStorage, 'sound', on ? 'on' : 'off');
      if (on) await sound.resume();
      showSound();
      bell(880);
    });
  }

  // --- The line ----------------------------------------------------------------------------------------------------------
  const words = waiting.dataset;
  const number = Number(words.number || 0); // 0 and no position: places are not given yet
  const remembered = (kept.get(localStorage, 'place') || '').split(':').map(Number);
  let position = remembered[0] === number ? Math.min(remembered[1], Number(words.position)) : Number(words.position);
  const first = remembered[0] === number ? remembered[2] : Math.max(position, 1);
  let epoch = null; // of the shared counter when the own place was asked for last
  let owned = performance.now();
  let timer = 0;
  let looking = false;
  let over = false;
  let stream = null;
  let streamed = -Infinity;
  let said = performance.now();

  const inWords = (seconds) => {
    if (seconds === null) return words.unknown;
    const minutes = Math.ceil(seconds / 60);
    if (minutes <= 1) return words.minute;
    if (minutes < 60) return words.minutes.replace('{n}', minutes);
    return words.hours.replace('{h}', Math.floor(minutes / 60)).replace('{n}', minutes % 60);
  };
  const later = (seconds) => { clearTimeout(timer); if (!over) timer = after(seconds, look); };
  const showPlace = (place) => {
    hide(one('[data-kept]'), !place.kept);
    if (place.position === null || !words.number) return;
    position = Math.min(position, place.position); // what was shown never rises
    kept.set(localStorage, 'place', [number, position, first].join(':'));
    write(one('[data-shown]'), position > 0 ? position.toLocaleString(lang) : words.next);
    if (position === 0) one('[data-shown]').classList.add('words');
    write(one('[data-wait]'), inWords(place.eta_seconds));
    one('progress').value = 1 - position / first;
    document.title = (position > 0 ? words.tab.replace('{n}', position.toLocaleString(lang)) : words.next) + ' · ' + root.dataset.title;
    if (performance.now() - said < SAY_SECONDS * 1000) return;
    said = performance.now();
    write(one('[data-said]'), words.ahead + ': ' + position.toLocaleString(lang) + '. ' + words.eta + ': ' + inWords(place.eta_seconds));
  };
  const turn = (found, rings) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (stream) stream.close();
    document.title = words.turn + ' · ' + root.dataset.title;
    waiting.classList.add('called');
    write(one('h1'), words.called);
    write(one('[data-said]'), words.called);
    if (found) tell({ turn: number, rung: audible() });
    if (rings) {
      bell(659, 784, 1047);
      if (navigator.vibrate) navigator.vibrate([200, 100, 200]);
    }
    after(1.2, home); // the bell is heard to its end
  };
  const positionBy = (line) => {
    if (number <= line.serving) return 0;
    return line.gaps.reduce((left, [behind, last]) => (
      line.serving < last && last < number ? left - last + Math.max(behind, line.serving) : left
    ), number - line.serving);
  };

  // One of the tabs, while it is near, is told by the server as things happen; it tells the others.
  const follow = () => {
    if (!leads || over || stream || position > FAR || words.state !== 'waiting') return;
    if (performance.now() - streamed < STREAM_SECONDS * 1000) return;
    streamed = performance.now();
    stream = new EventSource(base + '/v1/line/events');
    stream.addEventListener('place', (event) => {
      const place = JSON.parse(event.data);
      showPlace(place);
      tell({ place, number });
      hide(one('[data-offline]'), true);
      later(jitter(STREAM_SECONDS));
    });
    stream.addEventListener('line', (event) => {
      news(JSON.parse(event.data));
      tell({ line: JSON.parse(event.data) });
    });
    stream.addEventListener('moved', () => { stopFollowing(); later(Math.random()); });
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) stopFollowing();
      later(jitter(LEAST_SECONDS));
    };
  };
  const stopFollowing = () => { if (stream) stream.close(); stream = null; streamed = performance.now(); };
  let leads = false;
  if ('EventSource' in window && navigator.locks) {
    navigator.locks.request('ticketon' + base, () => { leads = true; follow(); return new Promise(() => {}); });
  }

  async function look() {
    if (looking || over) return;
    looking = true;
    let again = 5;
    try {
      const shared = await ask(base + '/v1/serving', 'application/json');
      const line = shared.ok ? await shared.json() : null;
      let near = true;
      if (line) {
        news(line);
        const at = positionBy(line);
        near = words.state !== 'waiting' || at <= FAR || line.epoch !== epoch
          || performance.now() - owned > OWN_SECONDS * 1000;
        if (!near) {
          const eta = line.rate_per_minute ? Math.ceil(at * 60 / line.rate_per_minute) : null;
          const place = { position: at, eta_seconds: eta };
          showPlace(place);
          tell({ place, number });
          again = Number(words.again);
        }
      }
      if (near) again = await lookAtOwn(line);
      hide(one('[data-offline]'), true);
    } catch {
      hide(one('[data-offline]'), false);
    }
    looking = false;
    if (again === null) return;
    follow();
    later(stream ? jitter(STREAM_SECONDS) : again);
  }

  // Gives the seconds until the next look; null where this page has come to its end.
  async function lookAtOwn(line) {
    const answer = await ask(base + '/v1/line', 'application/json');
    if (answer.status === 401 || answer.status === 404) return home(), null;
    if (!answer.ok) {
      hide(one('[data-kept]'), false);
      return Number(answer.headers.get('retry-after')) || 5;
    }
    const place = await answer.json();
    if (place.state === 'admitted') return turn(true, true), null;
    if (place.state !== words.state || (place.number || 0) !== number) return home(), null;
    owned = performance.now();
    epoch = line && line.epoch;
    words.again = Math.max(LEAST_SECONDS, place.retry_after_seconds);
    showPlace(place);
    tell({ place: { position: place.position, eta_seconds: place.eta_seconds, kept: place.kept }, number });
    return place.retry_after_seconds;
  }

  listeners.push((message) => {
    if (message.line) news(message.line);
    if (message.turn === number) turn(false, !message.rung); // one of the tabs is heard, not all
    if (message.place && message.number === number) {
      showPlace(message.place);
      later(jitter(Number(words.again)) + LEAST_SECONDS); // that tab asks for this one too
    }
  });
  showPlace({ position, eta_seconds: words.seconds ? Number(words.seconds) : null, kept: !one('[data-kept]').hidden });
  later(Number(words.again));
  addEventListener('online', look);
  addEventListener('offline', () => hide(one('[data-offline]'), false));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); }); // after sleep, at once
})();
