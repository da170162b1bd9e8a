;; The egg's hello client: hears a line, says one, and waits for the server to close.
(import (chicken tcp) (chicken io) (chicken process-context))

(define port (string->number (car (command-line-arguments))))
(define-values (in out) (tcp-connect "127.0.0.1" port))

(print "heard " (read-line in))
(write-line "Good Bye!" out)
(print "then " (read-line in))
(close-input-port in)
(close-output-port out)
