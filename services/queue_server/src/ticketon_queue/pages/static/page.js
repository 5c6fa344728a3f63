// Makes the page better where there is JavaScript; everything works without. Talks to /v1/line of the same event only.
(() => {
  'use strict';
  const page = document.documentElement.dataset;
  const one = (selector) => document.querySelector(selector);
  const show = (selector, text) => document.querySelectorAll(selector).forEach((e) => { if (e.textContent !== text) e.textContent = text; });
  const title = document.title;

  // Times in the reader's own zone.
  document.querySelectorAll('time[datetime]').forEach((e) => {
    const at = new Date(e.dateTime);
    if (!isNaN(at)) e.textContent = at.toLocaleString(page.lang, { dateStyle: 'medium', timeStyle: 'short' });
  });

  // Countdowns, by the server's count of seconds rather than the reader's clock.
  const begun = performance.now();
  document.querySelectorAll('[data-left]').forEach((e) => {
    const warning = one('[data-warning]');
    const tick = () => {
      const left = Math.max(0, Math.round(Number(e.dataset.left) - (performance.now() - begun) / 1000));
      e.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
      if (left <= 60 && warning && warning.hidden) warning.hidden = false;
      if (left === 0) { clearInterval(timer); setTimeout(() => location.replace(page.base + '/'), 1000); }
    };
    const timer = setInterval(tick, 1000);
    tick();
  });

  // The seat map: no more seats than one person may have, and what they cost.
  const map = one('form[data-most]');
  if (map) {
    const boxes = [...map.querySelectorAll('input[name=seats]')];
    const open = boxes.filter((box) => !box.disabled);
    const update = () => {
      const chosen = boxes.filter((box) => box.checked);
      const full = chosen.length >= Number(map.dataset.most);
      open.forEach((box) => { box.disabled = full && !box.checked; });
      show('[data-chosen]', chosen.map((box) => box.value).join(', ') || '–');
      map.querySelector('button').disabled = chosen.length === 0;
    };
    map.addEventListener('change', update);
    update();
  }

  // A payment is not sent twice by a second press.
  document.querySelectorAll('form').forEach((form) => form.addEventListener('submit', () => {
    setTimeout(() => form.querySelectorAll('button').forEach((b) => { b.disabled = true; }), 0);
  }));
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

  // Waiting.
  const waiting = one('[data-waiting]');
  if (!waiting) return;
  const words = waiting.dataset;
  const inWords = (seconds) => {
    if (seconds === null) return words.unknown;
    const minutes = Math.ceil(seconds / 60);
    if (minutes <= 1) return words.minute;
    if (minutes < 60) return words.minutes.replace('{n}', minutes);
    return words.hours.replace('{h}', Math.floor(minutes / 60)).replace('{n}', minutes % 60);
  };
  let position = Number(words.position);
  const first = Math.max(position, 1);
  let timer = 0;
  const bell = () => {
    try {
      const sound = new AudioContext();
      const tone = sound.createOscillator();
      const volume = sound.createGain();
      tone.frequency.value = 880;
      volume.gain.setValueAtTime(0.2, sound.currentTime);
      volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 1);
      tone.connect(volume).connect(sound.destination);
      tone.start();
      tone.stop(sound.currentTime + 1);
    } catch { /* no sound here */ }
  };
  const later = (seconds) => { clearTimeout(timer); timer = setTimeout(look, seconds * 1000); };
  const show_place = (place) => {
    position = Math.min(position, place.position); // what is shown never rises
    if (position > 0) show('[data-ahead]', position.toLocaleString(page.lang));
    show('[data-eta]', inWords(place.eta_seconds));
    document.title = words.tab.replace('{n}', position) + ' · ' + title;
    const bar = one('progress');
    if (bar) bar.value = 1 - position / first;
  };
  async function look() {
    let again = 5;
    try {
      const answer = await fetch(page.base + '/v1/line', { headers: { accept: 'application/json' }, cache: 'no-store' });
      one('[data-offline]').hidden = answer.ok;
      if (answer.ok) {
        const place = await answer.json();
        again = place.retry_after_seconds;
        one('[data-kept]').hidden = !place.kept;
        if (place.state === 'admitted') {
          document.title = words.turn;
          bell();
          return void setTimeout(() => location.replace(page.base + '/'), 300);
        }
        if (place.state !== words.state) return location.replace(page.base + '/');
        show_place(place);
      } else if (answer.status === 401 || answer.status === 404) {
        return location.replace(page.base + '/');
      } else {
        again = Number(answer.headers.get('retry-after')) || again;
      }
    } catch {
      one('[data-offline]').hidden = false;
    }
    later(again);
  }
  later(Number(words.again));
  addEventListener('online', look);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); }); // after sleep, at once
})();
