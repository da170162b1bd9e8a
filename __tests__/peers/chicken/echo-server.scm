;; Sends back what arrives, while it arrives, for one client.
(import (chicken tcp) (chicken io))

(define listener (tcp-listen 0 4 "127.0.0.1"))
(print "port " (tcp-listener-port listener))
(flush-output)

(define-values (in out) (tcp-accept listener))
(let loop ()
  (let ((bytes (read-string 65536 in)))
    (unless (eof-object? bytes)
      (write-string bytes #f out)
      (loop))))
(close-output-port out)
(close-input-port in)
(tcp-close listener)
