-- Let numbers go up to the ceilings that the ledger holds now. ARGV: run, clock, least epoch, epoch, issued, serving.
-- Refused where another epoch has begun: its ceilings are others.
local state = read('epoch', 'issued_ceiling', 'serving_ceiling')
if not state or state[1] ~= tonumber(ARGV[4]) then return { 'rebase' } end
redis.call('HSET', STATE, 'issued_ceiling', math.max(state[2], tonumber(ARGV[5])),
  'serving_ceiling', math.max(state[3], tonumber(ARGV[6])))
return { 'ok' }
