package smtpfake_test

import (
	"fmt"
	"net/smtp"

	"toasoan/internal/testkit/smtpfake"
)

// A relay that refuses one recipient, once, and takes every mail but the second without ever saying so.
func Example() {
	server, err := smtpfake.Start(smtpfake.Options{Pipelining: true})
	if err != nil {
		panic(err)
	}
	defer server.Close() //nolint:errcheck // an example
	server.SetScript(func(s smtpfake.Step) smtpfake.Action {
		switch {
		case s.Stage == smtpfake.RCPT && s.Rcpt == "gone@example.org":
			return smtpfake.Reply(550, "5.1.1 no such user")
		case s.Stage == smtpfake.Dot && s.Nth == 2:
			return smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways}
		}
		return smtpfake.Action{}
	})

	send := func(to string) {
		err := smtp.SendMail(server.Addr(), nil, "a@example.org", []string{to}, []byte("Subject: x\r\n\r\nx\r\n"))
		fmt.Println(to, err)
	}
	send("gone@example.org")
	send("one@example.org")
	send("two@example.org")
	for _, m := range server.Accepted() {
		fmt.Println("accepted", m.To)
	}
	fmt.Println("violations", server.Violations())
	// Output:
	// gone@example.org 550 "5.1.1 no such user"
	// one@example.org <nil>
	// two@example.org EOF
	// accepted [one@example.org]
	// accepted [two@example.org]
	// violations []
}

// At does one thing at one stage: here a relay that reads a byte a second.
func ExampleAt() {
	slow := smtpfake.At(smtpfake.Body, smtpfake.Action{PerByte: 1e9})
	fmt.Println(slow(smtpfake.Step{Stage: smtpfake.Body}).PerByte, slow(smtpfake.Step{Stage: smtpfake.Dot}).PerByte)
	// Output: 1s 0s
}
