module websocket-escalonavel/bench

go 1.26.0

require websocket-escalonavel v0.0.0

replace websocket-escalonavel => ../
