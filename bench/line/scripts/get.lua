-- GET, the same each time.
local common = dofile(debug.getinfo(1).source:match('@(.*/)') .. 'common.lua')

function init()
  request = common.in_turn({ common.request('GET') })
end

done = common.done
