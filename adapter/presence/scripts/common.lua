-- What stands before every script. KEYS[1] is the tag that begins the names of all keys, in braces, so that they are on
-- one server of a Redis Cluster:
--   <tag>             hash: epoch, number (of the newest change), settled (when, in ms), beat (the last), run (id of the server)
--   <tag>:nodes       hash: generation -> when its lease ends, in ms; 0 while it is being cleared
--   <tag>:written     hash: generation -> number of its last batch
--   <tag>:of:<gen>    set of the items that a generation holds: length of the user's name in one byte, name, room
--   <tag>:in:<room>   hash: user -> how many generations hold it, ":", the ID with which it came; room "": who is online
--   <tag>:rooms       set of the rooms, but for ""
--   <tag>:log         stream of the changes
-- ARGV: the time in ms, "" for that of the server; the length of the log; then the script's own.
local tag = KEYS[1]
local nodes, written, rooms, log = tag .. ':nodes', tag .. ':written', tag .. ':rooms', tag .. ':log'
local now, history = tonumber(ARGV[1]), ARGV[2]
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text(n) return string.format('%.0f', n) end

local meta = redis.call('HMGET', tag, 'epoch', 'number', 'settled', 'beat', 'run')
local epoch, number = tonumber(meta[1] or '0'), tonumber(meta[2] or '0')
local settled, beat, run = tonumber(meta[3] or '0'), tonumber(meta[4] or '0'), meta[5] or ''

-- say adds an entry to the log: its kind, an ID, who has caused it, and the item.
local function say(kind, since, gen, item)
  number = number + 1
  local id = text(epoch) .. '-' .. text(number)
  redis.call('XADD', log, 'MAXLEN', '~', history, id, 'c', kind .. since .. '|' .. gen .. '|' .. item)
  return id
end

-- split takes an item apart.
local function split(item)
  local n = string.byte(item)
  return string.sub(item, 2, n + 1), string.sub(item, n + 2)
end

-- held reads the value of a user in a room: how many hold it, and since when.
local function held(key, user)
  local v = redis.call('HGET', key, user)
  if not v then return 0, '' end
  local colon = string.find(v, ':', 1, true)
  return tonumber(string.sub(v, 1, colon - 1)), string.sub(v, colon + 1)
end

-- since is with which ID an item came, '' where nobody holds it.
local function since(item)
  local user, room = split(item)
  local _, came = held(tag .. ':in:' .. room, user)
  return came
end

-- older compares two IDs.
local function older(a, b)
  local ae, an = string.match(a, '(%d+)-(%d+)')
  local be, bn = string.match(b, '(%d+)-(%d+)')
  if ae ~= be then return tonumber(ae) < tonumber(be) end
  return tonumber(an) < tonumber(bn)
end

-- add notes that one more generation holds an item, and returns the ID with which it came. back is that which it had come
-- with before the store lost it, or ''.
local function add(gen, item, back)
  local user, room = split(item)
  local key = tag .. ':in:' .. room
  local count, came = held(key, user)
  if count == 0 then
    came = back
    if came == '' then came = say('+', '', gen, item) end
    if room ~= '' then redis.call('SADD', rooms, room) end
  elseif back ~= '' and older(came, back) then
    came = back
  end
  redis.call('HSET', key, user, (count + 1) .. ':' .. came)
  return came
end

-- remove notes that one generation fewer holds an item. gen is who says so. While it settles nobody is told.
local function remove(gen, item)
  local user, room = split(item)
  local key = tag .. ':in:' .. room
  local count, came = held(key, user)
  if count > 1 then
    redis.call('HSET', key, user, (count - 1) .. ':' .. came)
  elseif count == 1 then
    redis.call('HDEL', key, user)
    if settled == 0 then say('-', came, gen, item) end
    if room ~= '' and redis.call('EXISTS', key) == 0 then redis.call('SREM', rooms, room) end
  end
end
