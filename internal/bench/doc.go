// Command bench measures the product on this machine: real servers with full durability, real processes of the product, our own
// mail sink and load generator, loopback only.
// Its rule: a ratio is made of two measurements of the same run, one of them the baseline, and every loop ends by itself.
// Read main.go first: parts lists what can be measured, bench.json is what comes out.
package main
