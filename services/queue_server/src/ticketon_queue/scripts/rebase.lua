-- Begin an epoch above everything that may have been given out.
-- ARGV: run, clock, least epoch, epoch, issued ceiling, serving ceiling, token, numbers that a server saw given out (0: it
-- saw none), gaps that it knew. Whoever comes second with the same epoch, or late with an older one, changes nothing.

-- The ceilings were read after the token was left here. Where it is gone, or another server answers, Redis has lost more
-- since, perhaps numbers under later ceilings: begin again.
local token, seen, seen_gaps = ARGV[7], tonumber(ARGV[8]), ARGV[9]
if redis.call('HGET', REBASES, token) ~= RUN then return { 'rebase' } end
redis.call('HDEL', REBASES, token)

local epoch, ceiling, calls_ceiling = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local kept = redis.call('HMGET', STATE, 'epoch', 'issued', 'serving', 'left_waiting')
if (tonumber(kept[1]) or -1) >= epoch then return { 'ok', 0 } end

local kept_issued, kept_serving = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
local issued = math.max(kept_issued, seen, ceiling)
local serving = math.max(kept_serving, math.min(calls_ceiling, issued))
local left_waiting = tonumber(kept[4]) or 0
for number = kept_serving + 1, math.min(serving, kept_issued) do
  if redis.call('SISMEMBER', LEFT, number) == 1 then left_waiting = left_waiting - 1 end
end

-- What lies above the last number that is known to have been given out is a gap: numbers of it count when their holders
-- show up, and are skipped until then. Who knows most knows the gaps of before as well, for they lie below. Where nobody
-- knows anything, everything is one gap: nothing is counted, or waited for, that may not be there.
local known = math.max(kept_issued, seen)
if seen > kept_issued then redis.call('HSET', STATE, 'gaps', seen_gaps) end
local gaps = {}
for _, gap in ipairs(read_gaps()) do
  if gap[2] > serving then gaps[#gaps + 1] = gap[1] .. '-' .. gap[2] end
end
local after = math.max(known, serving)
if issued > after then gaps[#gaps + 1] = string.format('%d-%d', after, issued) end

-- Calls that ran out while Redis was away are nobody's fault: who made up for one before may do so once more.
redis.call('UNLINK', REENTERED)

local now = clock()
-- The bucket begins empty: what was granted before the loss still counts in the minute that goes on.
-- Where there were numbers before, people near the front get time to show up.
redis.call('HSET', STATE, 'run', RUN, 'epoch', epoch, 'issued', issued, 'serving', serving, 'issued_ceiling', issued,
  'serving_ceiling', serving, 'gaps', table.concat(gaps, ','), 'left_waiting', math.max(0, left_waiting), 'tokens', 0,
  'tokens_at', now, 'reclaim_until', issued > 0 and now + RECLAIM_MS or 0, 'joined', issued,
  'called_n', 0, 'called_ms', 0)
return { 'ok', 1 }
