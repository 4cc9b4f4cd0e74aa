// Package secret keeps the installation's keys and turns them into what the product needs: tokens of mailed links, keyed
// hashes, sealed values; and it hashes passwords and PINs. Nothing derived for one purpose helps with another, and a copy
// of the database without the key file opens nothing. Read ring.go first.
package secret
