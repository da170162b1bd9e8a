;; Reads up to the end of the client's output, then sends as many lines as its second argument says, and closes.
(import (chicken tcp) (chicken io) (chicken port) (chicken process-context) (chicken load))
(load-relative "lines.scm")

(define text (lines-up-to (string->number (car (command-line-arguments)))))
(define listener (tcp-listen 0 4 "127.0.0.1"))
(print "port " (tcp-listener-port listener))
(flush-output)

(define-values (in out) (tcp-accept listener))
(let ((received (read-string #f in)))
  (print (string-length received) (if (string=? received text) " bytes, the same" " bytes, others")))
(write-string text #f out)
(close-output-port out)
(close-input-port in)
(tcp-close listener)
