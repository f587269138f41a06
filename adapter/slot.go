package adapter

// The slots of a Redis Cluster.

import (
	"net"
	"strings"
)

// slotOf is the slot of a key or a sharded channel (Redis Cluster specification, "Key distribution model").
func slotOf(key string) int {
	if i := strings.IndexByte(key, '{'); i >= 0 {
		if j := strings.IndexByte(key[i+1:], '}'); j > 0 {
			key = key[i+1 : i+1+j]
		}
	}
	crc := uint16(0) // CRC16, XMODEM
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) & 16383
}

// hostOf is the host of an address; "" where it has none.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}
