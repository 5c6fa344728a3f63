-- GET with another cookie each time, or with none: visitors of somebody else's waiting room. The cookies that come back
-- are kept in a file. An answer is a good one where it tells what it should; where nothing has to be told, a cookie.
local common = dofile(debug.getinfo(1).source:match('@(.*/)') .. 'common.lua')

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  local cookies, file, tells = common.tokens(args), assert(io.open(args[2], 'w')), args[3] or ''
  local requests = { #cookies == 0 and common.request('GET') or nil }
  for _, cookie in ipairs(cookies) do
    requests[#requests + 1] = common.request('GET', 'Cookie: ' .. cookie .. '\r\n')
  end
  request = common.in_turn(requests)

  bad = 0
  function response(_, headers, body)
    local cookie = headers['Set-Cookie'] or headers['set-cookie']
    if cookie then file:write(cookie:match('^[^;]*'), '\n') end
    if tells == '' and not cookie or not body:find(tells) then bad = bad + 1 end
  end
end

function done(summary, latency)
  common.tell(summary, latency, threads[1]:get('bad'))
end
