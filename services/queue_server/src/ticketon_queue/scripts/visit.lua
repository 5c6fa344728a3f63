-- Visits of buyers, many in one call: join (j), poll (p), leave (l); the number of a presale's code may follow the letter.
-- ARGV: run, clock, least epoch, session ms, 1 where joins are open; then for each visit: what, user, number of the place
-- token or 0, end of the pass in ms or 0. Answer: {'ok', epoch, issued, serving, issued ceiling, {state, number, position,
-- end of session ms, 1 where new}...} or {'rebase'}.
local now = clock()
local session_ms, joins_open = tonumber(ARGV[4]), ARGV[5] == '1'
local state = read('epoch', 'issued', 'serving', 'issued_ceiling')
if not state then return { 'rebase' } end
local epoch, issued, serving, ceiling = unpack(state)
local gaps = read_gaps()

local function admitted(number, session_end) return { 'admitted', number, 0, session_end, 0 } end

local function start_session(number, session_end)
  redis.call('ZADD', SLOTS, session_end, number)
  redis.call('HSET', SESSIONS, number, session_end)
  return admitted(number, session_end)
end

local function waiting(number)
  if gap_of(gaps, number) then redis.call('ZADD', CONFIRMED, number, number) end
  return { 'waiting', number, number - serving - missing(gaps, serving, number), 0, 0 }
end

local function look(number, pass_end)
  if redis.call('SISMEMBER', LEFT, number) == 1 then return { 'gone', number, 0, 0, 0 } end
  if number > serving and pass_end <= now then return waiting(number) end
  local session = tonumber(redis.call('HGET', SESSIONS, number))
  local slot = tonumber(redis.call('ZSCORE', SLOTS, number))
  if session then
    if session <= now then return { 'gone', number, 0, session, 0 } end
    if slot then return admitted(number, session) end
    return { 'done', number, 0, session, 0 } -- paid: the slot went to the next one
  end
  if pass_end > now then return start_session(number, pass_end) end -- admitted before Redis lost it
  if slot and slot > now then
    return start_session(number, now + session_ms)
  end
  if redis.call('ZSCORE', REENTRY, number) then return { 'waiting', number, 0, 0, 0 } end
  if redis.call('SADD', REENTERED, number) == 1 then
    redis.call('ZADD', REENTRY, number, number)
    return { 'waiting', number, 0, 0, 0 }
  end
  return { 'gone', number, 0, 0, 0 }
end

local function give_up(user, number)
  if redis.call('HGET', MEMBERS, user) == tostring(number) then redis.call('HDEL', MEMBERS, user) end
  if redis.call('SADD', LEFT, number) == 0 then return end
  redis.call('ZREM', SLOTS, number)
  redis.call('ZREM', REENTRY, number)
  if redis.call('ZREM', CONFIRMED, number) == 0 and number > serving and not gap_of(gaps, number) then
    redis.call('HINCRBY', STATE, 'left_waiting', 1)
  end
end

-- The number of a place token is the truth; who also took a later one, while Redis had forgotten, keeps the earlier, and
-- with it a pass. The pass of a place that was left counts for no other one.
local function number_of(user, presented, pass_end)
  local known = tonumber(redis.call('HGET', MEMBERS, user)) or 0
  if presented == 0 or presented == known then return known, pass_end end
  if known > 0 and redis.call('SISMEMBER', LEFT, presented) == 1 then return known, 0 end
  if known > 0 and known < presented then
    give_up(user, presented)
    return known, pass_end
  end
  if known > 0 then give_up(user, known) end
  redis.call('HSET', MEMBERS, user, presented)
  return presented, pass_end
end

local function visit(what, user, presented, presented_pass_end, code)
  -- Given out by a Redis that this one knows nothing of, or in a sale of the same name that is gone.
  if presented > issued then return { 'ahead', presented, 0, 0, 0 } end
  local number, pass_end = number_of(user, presented, presented_pass_end)
  if what == 'l' then
    if number > 0 then give_up(user, number) end
    return { 'gone', number, 0, 0, 0 }
  end
  if number > 0 then
    local place = look(number, pass_end)
    if what == 'p' or place[1] ~= 'gone' then return place end
  elseif what == 'p' then
    return { 'none', 0, 0, 0, 0 }
  end
  if not joins_open then return { 'closed', number, 0, 0, 0 } end
  -- Whose a code is, the ledger says before; here it gives one place, also to who gave that up.
  if code and redis.call('HEXISTS', CODES, code) == 1 then return { 'spent', 0, 0, 0, 0 } end
  if issued >= ceiling then return { 'full', 0, 0, 0, 0 } end
  -- An old token of this buyer that comes late must not take the new place away again.
  if number > 0 then redis.call('SADD', LEFT, number) end
  issued = issued + 1
  redis.call('HSET', MEMBERS, user, issued)
  redis.call('HSET', STATE, 'issued', issued)
  if code then redis.call('HSET', CODES, code, issued) end
  local place = waiting(issued)
  place[5] = 1
  return place
end

local answers = {}
for index = 6, #ARGV, 4 do
  local what, code = ARGV[index], nil
  if #what > 1 then what, code = string.sub(what, 1, 1), string.sub(what, 2) end
  answers[#answers + 1] = visit(what, ARGV[index + 1], tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3]), code)
end
return { 'ok', epoch, issued, serving, ceiling, answers }
