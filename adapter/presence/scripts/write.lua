-- A batch: see Store.Write. ARGV from the sixth on: of each operation its kind, its item, and an ID or ''.
local gen, batch, ofEpoch = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local ends = redis.call('HGET', nodes, gen)
if not ends or ends == '0' or epoch ~= ofEpoch then return {'gone', text(epoch), text(number)} end
local last = tonumber(redis.call('HGET', written, gen) or '-1')
if last ~= batch and last ~= batch - 1 then return {'lost', text(epoch), text(number)} end

local reply = {'done', text(epoch), text(number)}
if last == batch - 1 then
  if settled > 0 then
    for i = 6, #ARGV, 3 do
      if ARGV[i] ~= 'r' then return {'settling', text(epoch), text(number)} end
    end
  end
  local of, before = tag .. ':of:' .. gen, number
  for i = 6, #ARGV, 3 do
    local kind, item, came = ARGV[i], ARGV[i + 1], ''
    if kind == '-' then
      if redis.call('SREM', of, item) == 1 then remove(gen, item) end
    elseif redis.call('SADD', of, item) == 1 then
      came = add(gen, item, settled > 0 and ARGV[i + 2] or '')
    else
      came = since(item)
    end
    reply[#reply + 1] = came
  end
  redis.call('HSET', written, gen, text(batch))
  if number ~= before then redis.call('HSET', tag, 'number', text(number)) end
  reply[3] = text(number)
else
  for i = 6, #ARGV, 3 do reply[#reply + 1] = ARGV[i] ~= '-' and since(ARGV[i + 1]) or '' end
end
return reply
