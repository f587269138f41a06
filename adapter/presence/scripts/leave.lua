-- A node that goes: see Store.Leave.
local gen, till = ARGV[3], now + tonumber(ARGV[4])
local ends = tonumber(redis.call('HGET', nodes, gen) or '0')
if ends > till then redis.call('HSET', nodes, gen, text(till)) end
return {1}
