-- Begin an epoch above everything that may have been given out. ARGV: run, clock, epoch, issued ceiling, serving ceiling,
-- how many of the last numbers under the ceiling may never have been given out, token.
-- Whoever comes second with the same epoch, or late with an older one, changes nothing.

-- The ceilings were read after the token was left here. Where it is gone, or another server answers, Redis has lost more
-- since, perhaps numbers under later ceilings: begin again.
local token = ARGV[7]
if redis.call('HGET', REBASES, token) ~= RUN then return { 'rebase' } end
redis.call('HDEL', REBASES, token)

local epoch, ceiling, calls_ceiling = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.call('HMGET', STATE, 'epoch', 'issued', 'serving', 'left_waiting')
if (tonumber(kept[1]) or -1) >= epoch then return { 'ok', 0 } end

local known = tonumber(kept[2]) or 0
local issued = math.max(known, ceiling)
local serving = math.max(tonumber(kept[3]) or 0, math.min(calls_ceiling, issued))
local left_waiting = tonumber(kept[4]) or 0
for number = (tonumber(kept[3]) or 0) + 1, math.min(serving, known) do
  if redis.call('SISMEMBER', LEFT, number) == 1 then left_waiting = left_waiting - 1 end
end

local gaps = {}
for _, gap in ipairs(read_gaps()) do
  if gap[2] > serving then gaps[#gaps + 1] = gap[1] .. '-' .. gap[2] end
end
local after = math.max(known, issued - tonumber(ARGV[6]), 0)
if issued > after then gaps[#gaps + 1] = string.format('%d-%d', after, issued) end

local now = clock()
-- The bucket begins empty: what was granted before the loss still counts in the minute that goes on.
-- Where there were numbers before, people near the front get time to show up.
redis.call('HSET', STATE, 'run', RUN, 'epoch', epoch, 'issued', issued, 'serving', serving, 'issued_ceiling', issued,
  'serving_ceiling', serving, 'gaps', table.concat(gaps, ','), 'left_waiting', math.max(0, left_waiting), 'tokens', 0,
  'tokens_at', now, 'reclaim_until', issued > 0 and now + RECLAIM_MS or 0, 'joined', issued,
  'called_n', 0, 'called_ms', 0)
return { 'ok', 1 }
