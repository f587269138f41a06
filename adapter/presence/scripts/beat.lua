-- A sign of life: see Store.Beat.
local gen, begin, lease = ARGV[3], ARGV[4], tonumber(ARGV[5])
local seenEpoch, seenNumber, doubt, server = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]
local budget = tonumber(ARGV[10])

-- Nobody has been heard of for long, or the clock has been set: all leases begin anew.
local gap = now < beat or now - beat > lease / 2
if gap then
  for _, g in ipairs(redis.call('HKEYS', nodes)) do
    if redis.call('HGET', nodes, g) ~= '0' then redis.call('HSET', nodes, g, text(now + lease)) end
  end
end

-- The server is not what it was: it has begun anew, with nothing or with less. What it has is let go of without a word,
-- and nothing is said until that is done and the nodes have had a lease's time to put back what they know to be true.
local lost = epoch == 0 or server ~= '' and server ~= run or seenEpoch > epoch
  or seenEpoch == epoch and (seenNumber > number or doubt == '1')
if lost then
  epoch, number = math.max(now, epoch + 1, seenEpoch + 1), 0
  redis.call('DEL', log)
  say('e', '', gen, '')
  for _, g in ipairs(redis.call('HKEYS', nodes)) do redis.call('HSET', nodes, g, '0') end
  settled = now + lease
  if server ~= '' then run = server end
elseif gap and settled > 0 then
  settled = now + lease
end

local ends = redis.call('HGET', nodes, gen)
local known = ends and ends ~= '0'
if begin == '1' and not ends then
  redis.call('HSET', written, gen, '0')
  known = true
end
if known then redis.call('HSET', nodes, gen, text(now + lease)) end

local cleared, more, count = 0, 0, 0
local all = redis.call('HGETALL', nodes)
for i = 1, #all, 2 do
  local g, till = all[i], tonumber(all[i + 1])
  count = count + 1
  if till == 0 or settled == 0 and till < now then
    if till > 0 then redis.call('HSET', nodes, g, '0') end
    local of = tag .. ':of:' .. g
    if budget > 0 then
      local items = redis.call('SPOP', of, budget)
      for _, item in ipairs(items) do remove(gen, item) end
      budget = budget - #items
    end
    if redis.call('EXISTS', of) == 0 then
      redis.call('HDEL', nodes, g)
      redis.call('HDEL', written, g)
      cleared, count = cleared + 1, count - 1
    else
      more = 1
    end
  end
end

if settled > 0 and now >= settled and more == 0 then
  settled = 0
  say('s', '', gen, '')
end

redis.call('HSET', tag, 'epoch', text(epoch), 'number', text(number), 'settled', text(settled), 'beat', text(now),
  'run', run)
local left = 0
if settled > 0 then left = math.max(settled - now, 1) end
return {known and 1 or 0, text(epoch), text(number), left, redis.call('HLEN', tag .. ':in:'), count, cleared, more}
