-- Call as many numbers as rate and slots allow; any replica may do so at any time.
-- ARGV: run, clock, least epoch, rate per minute, most active, grace ms, 1 where admission is open. The bucket's
-- arithmetic is that of admission.py: units of 1/6,000,000 of a token, so that 99 % of a rate per minute is a whole number
-- of units a ms.
local TOKEN, RATE_UNITS, BURST_UNITS = 6000000, 99, 60000
-- Calls, and numbers skipped, in one run of the script: Redis does nothing else meanwhile.
local MOST_CALLS, MOST_SKIPS = 2000, 20000
-- Measured rates fade with these time constants.
local RATE_FADE_MS, JOINS_FADE_MS = 30000, 5000

local now = clock()
local per_minute, most_active = tonumber(ARGV[4]), tonumber(ARGV[5])
local grace_ms, open = tonumber(ARGV[6]), ARGV[7] == '1'
local state = read('epoch', 'issued', 'serving', 'issued_ceiling', 'serving_ceiling', 'left_waiting', 'tokens',
  'tokens_at', 'reclaim_until', 'called', 'called_n', 'called_ms', 'joined', 'joined_n', 'joined_ms',
  'admitted_n', 'admitted_ms')
if not state then return { 'rebase' } end
local epoch, issued, serving, issued_ceiling, serving_ceiling, left_waiting, tokens, tokens_at, reclaim_until, called,
  called_n, called_ms, joined, joined_n, joined_ms, admitted_n, admitted_ms = unpack(state)
local gaps = read_gaps()

-- A clock that steps back grants nothing, one that steps ahead at most one bucket.
local burst = math.max(TOKEN, BURST_UNITS * per_minute)
local elapsed = math.max(0, now - tokens_at)
tokens = math.min(burst, tokens + elapsed * RATE_UNITS * per_minute)

redis.call('ZREMRANGEBYSCORE', SLOTS, '-inf', now)
local active = redis.call('ZCARD', SLOTS)

local function waiting_now()
  local inside = redis.call('ZCOUNT', CONFIRMED, '(' .. serving, '+inf')
  local back = redis.call('ZCARD', REENTRY)
  return math.max(0, issued - serving - missing(gaps, serving, issued + 1) - left_waiting + inside + back)
end

local skips, wanted_ceiling = 0, 0

-- Move serving to the next number that somebody waits with, past those that left; nil where there is none, or where the
-- ceiling has to be raised first.
local function step()
  local at, left_now, found = serving, 0, false
  while at < issued and skips < MOST_SKIPS and not found do
    skips = skips + 1
    local number = at + 1
    local gap = gap_of(gaps, number)
    if gap then
      local shown = redis.call('ZRANGEBYSCORE', CONFIRMED, number, gap[2], 'LIMIT', 0, 1)
      number = tonumber(shown[1]) or gap[2]
    end
    at = number
    local left = redis.call('SISMEMBER', LEFT, number) == 1
    if left and not gap then left_now = left_now + 1 end
    local nobody = gap and not redis.call('ZSCORE', CONFIRMED, number)
    -- Who was admitted before the counters were lost, and has said so, needs no second call.
    found = not left and not nobody and redis.call('HEXISTS', SESSIONS, number) == 0
  end
  if at > serving_ceiling then
    wanted_ceiling = at
    return nil
  end
  serving, left_waiting = at, left_waiting - left_now
  return found and at or nil
end

local function next_call()
  local back = redis.call('ZPOPMIN', REENTRY)
  return back[1] or step()
end

local had_waiters = waiting_now() > 0
local reclaiming = now < reclaim_until and reclaim_until - now <= RECLAIM_MS
local calls = 0
if open and not reclaiming then
  local most = math.min(math.floor(tokens / TOKEN), most_active - active, MOST_CALLS)
  while calls < most do
    local number = next_call()
    if not number then break end
    redis.call('ZADD', SLOTS, now + grace_ms, number)
    calls = calls + 1
  end
end
tokens = tokens - calls * TOKEN
active = active + calls
called = called + calls

-- The rate counts time in which somebody could have been called; an idle or paused line says nothing of its speed.
if open and had_waiters and not reclaiming then
  local keep = math.exp(-elapsed / RATE_FADE_MS)
  called_n, called_ms = called_n * keep + calls, called_ms * keep + elapsed
end
-- What was done is counted over all time: it falls when nobody comes.
local keep = math.exp(-elapsed / RATE_FADE_MS)
admitted_n, admitted_ms = admitted_n * keep + calls, admitted_ms * keep + elapsed
keep = math.exp(-elapsed / JOINS_FADE_MS)
joined_n, joined_ms = joined_n * keep + issued - joined, joined_ms * keep + elapsed

redis.call('HSET', STATE, 'serving', serving, 'left_waiting', left_waiting, 'tokens', tokens, 'tokens_at', now,
  'called', called, 'called_n', called_n, 'called_ms', called_ms,
  'joined', issued, 'joined_n', joined_n, 'joined_ms', joined_ms,
  'admitted_n', admitted_n, 'admitted_ms', admitted_ms)

local waiting = waiting_now()
-- When another call may be possible: a token, or the end of a slot. -1: nobody waits for one.
local wait_ms = -1
if open and waiting > 0 then
  wait_ms = math.max(0, math.ceil((TOKEN - tokens) / (RATE_UNITS * per_minute)))
  if active >= most_active then
    local first = redis.call('ZRANGE', SLOTS, 0, 0, 'WITHSCORES')
    wait_ms = math.max(wait_ms, (tonumber(first[2]) or now) - now)
  end
end
-- Measured over less than a minute, the bucket's burst would show as more than any minute can have.
local function a_minute(count, ms) return ms > 0 and math.min(per_minute, count * 60000 / ms) or 0 end
local joins = joined_ms > 0 and joined_n * 1000 / joined_ms or 0
return { 'ok', now, epoch, issued, serving, issued_ceiling, serving_ceiling, waiting, active, called, wait_ms,
  wanted_ceiling, string.format('%.6f', a_minute(called_n, called_ms)), math.floor(called_ms), string.format('%.6f', joins),
  redis.call('HGET', STATE, 'gaps') or '', string.format('%.6f', a_minute(admitted_n, admitted_ms)) }
