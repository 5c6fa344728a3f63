-- Common to every script of the line; line_store.py puts it before each. Commands of Redis 7.2 and older only.
--
-- state      hash: run, epoch, issued, serving, ceilings, gaps, the bucket, measured rates
-- members    hash: user -> number
-- slots      sorted set: number -> end of its grace or session, ms
-- sessions   hash: number -> end of the session it took up, ms
-- left       set of numbers that were given up
-- reentry    sorted set of numbers that missed their call and wait for another; reentered: all that ever did
-- confirmed  sorted set of numbers inside a gap whose holders have shown up
-- codes      hash: number of a presale's code -> the number in the line that was given for it
-- rebases    hash: token -> run id, of servers that are about to begin an epoch
local STATE, MEMBERS, SLOTS, SESSIONS, LEFT, REENTRY, REENTERED, CONFIRMED, CODES, REBASES =
  unpack(KEYS)
local RUN, LEAST_EPOCH = ARGV[1], tonumber(ARGV[3])

-- After counters were lost, people near the front get this long to show up before numbers move on.
local RECLAIM_MS = 3000

-- Redis' clock in ms. ARGV[2] is '0' but in tests, which run the line through hours within a second.
local function clock()
  local injected = tonumber(ARGV[2])
  if injected > 0 then return injected end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The named fields of the state as numbers; nil where this Redis is not the one that the counters were made for, or was
-- left behind: the caller has heard of a later epoch, which began elsewhere.
local function read(...)
  local values, numbers = redis.call('HMGET', STATE, 'run', 'epoch', ...), {}
  if values[1] ~= RUN or (tonumber(values[2]) or 0) < LEAST_EPOCH then return nil end
  for index = 3, #values do numbers[index - 2] = tonumber(values[index]) or 0 end
  return numbers
end

-- Ranges (after, last] that were under the ceiling when the counters were lost: mostly numbers nobody has.
local function read_gaps()
  local gaps = {}
  for after, last in string.gmatch(redis.call('HGET', STATE, 'gaps') or '', '(%d+)-(%d+)') do
    gaps[#gaps + 1] = { tonumber(after), tonumber(last) }
  end
  return gaps
end

local function gap_of(gaps, number)
  for _, gap in ipairs(gaps) do
    if gap[1] < number and number <= gap[2] then return gap end
  end
  return nil
end

-- Numbers of gaps that lie in (serving, upto).
local function missing(gaps, serving, upto)
  local count = 0
  for _, gap in ipairs(gaps) do
    local first, last = math.max(gap[1], serving), math.min(gap[2], upto - 1)
    if gap[2] < upto and last > first then count = count + last - first end
  end
  return count
end
