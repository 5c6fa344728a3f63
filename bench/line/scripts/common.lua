-- What every script shares: requests made beforehand out of a file of tokens, sent in turn, and the outcome as JSON.
local common = {}

function common.tokens(args)
  local found = {}
  for token in io.lines(args[1]) do found[#found + 1] = token end
  return found
end

-- method, path and host of wrk's own address; head: further header lines.
function common.request(method, head)
  local length = method == 'POST' and 'Content-Length: 0\r\n' or ''
  return method .. ' ' .. wrk.path .. ' HTTP/1.1\r\nHost: ' .. wrk.host .. '\r\n' .. length .. (head or '') .. '\r\n'
end

function common.in_turn(requests)
  local at = 0
  return function()
    at = at % #requests + 1
    return requests[at]
  end
end

-- refused: how many answers were no good ones.
function common.tell(summary, latency, refused)
  local errors = summary.errors
  io.write(string.format('found {"per_second": %.1f, "p50": %.4f, "p99": %.4f, "refused": %d, "broken": %d}\n',
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    refused, errors.connect + errors.read + errors.write + errors.timeout))
end

function common.done(summary, latency)
  common.tell(summary, latency, summary.errors.status)
end

return common
