;; The egg's hello server, for one client.
(import (chicken tcp) (chicken io) (chicken port))

(define listener (tcp-listen 0 4 "127.0.0.1"))
(print "port " (tcp-listener-port listener))
(flush-output)

(define-values (in out) (tcp-accept listener))
(write-line "Hello!" out)
(print "heard " (read-line in))
(close-input-port in)
(close-output-port out)
(tcp-close listener)
