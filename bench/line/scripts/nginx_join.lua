-- The same join by nginx: the bearer's identity is verified, Redis runs the same script with the same arguments, the
-- place is signed, and the answer has the same fields and headers. `settings` is what nginx.py put before this file.
local ffi = require 'ffi'
local cjson = require 'cjson.safe'
local base64 = require 'ngx.base64'

ffi.cdef [[
  const void *EVP_sha256(void);
  unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *data, size_t n,
                      unsigned char *out, unsigned int *out_len);
  int CRYPTO_memcmp(const void *a, const void *b, size_t n);
]]

local crypto = ffi.load('crypto')
local sha256 = crypto.EVP_sha256()
local digest, digest_length = ffi.new('unsigned char[32]'), ffi.new('unsigned int[1]')

local function mac(key, text)
  crypto.HMAC(sha256, key, #key, text, #text, digest, digest_length)
  return ffi.string(digest, 32)
end

local function sign(key, payload)
  payload = base64.encode_base64url(payload)
  return settings.key_id .. '.' .. payload .. '.' .. base64.encode_base64url(mac(key, payload))
end

local function verified(key, token)
  local key_id, payload, signature = token:match('^([^.]*)%.([^.]*)%.(.*)$')
  if key_id ~= settings.key_id then return nil end
  local presented = base64.decode_base64url(signature)
  if not presented or #presented ~= 32 or crypto.CRYPTO_memcmp(presented, mac(key, payload), 32) ~= 0 then return nil end
  return cjson.decode(base64.decode_base64url(payload))
end

local function read(socket)
  local line = assert(socket:receive())
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == ':' then return tonumber(rest) end
  if kind == '$' then
    local text = assert(socket:receive(tonumber(rest)))
    assert(socket:receive(2))
    return text
  end
  if kind == '*' then
    local list = {}
    for index = 1, tonumber(rest) do list[index] = read(socket) end
    return list
  end
  error(line)
end

local function visit(user)
  local socket = ngx.socket.tcp()
  assert(socket:connect('127.0.0.1', settings.redis_port))
  assert(socket:send(settings.command .. '$1\r\nj\r\n$' .. #user .. '\r\n' .. user .. '\r\n$1\r\n0\r\n$1\r\n0\r\n'))
  local answer = read(socket)
  socket:setkeepalive(60000, 128)
  return answer
end

local JITTER, UNKNOWN_SECONDS = 0.2, 5

return function()
  local token = (ngx.var.http_authorization or ''):match('^[Bb]earer (.+)$')
  local identity = token and verified(settings.identity_key, token)
  if not identity then return ngx.exit(401) end
  local answer = visit(identity.u)
  local found = answer[6][1]
  local place = string.format('{"u":"%s","n":%d,"ep":%d,"p":%d}', identity.u, found[2], answer[2], found[3])
  local retry = math.floor(UNKNOWN_SECONDS * (1 - JITTER * math.random()) * 100) / 100
  local body = cjson.encode({
    number = found[2], position = found[3], state = found[1], eta_seconds = cjson.null, retry_after_seconds = retry,
    token = token .. '~' .. sign(settings.place_key, place),
  })
  ngx.status = found[5] == 1 and 201 or 200
  ngx.header['content-type'] = 'application/json'
  ngx.header['cache-control'] = 'no-store'
  ngx.header['retry-after'] = math.ceil(retry)
  ngx.header['content-length'] = #body
  ngx.print(body)
end
