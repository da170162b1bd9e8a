;; Sends many lines, ends its output, reads as many back, and says whether they were the same.
(import (chicken tcp) (chicken io) (chicken port) (chicken process-context) (chicken load))
(load-relative "lines.scm")

(define port (string->number (car (command-line-arguments))))
(define text (lines-up-to (string->number (cadr (command-line-arguments)))))

(define-values (in out) (tcp-connect "127.0.0.1" port))
(write-string text #f out)
(close-output-port out) ; the input is open: this sends FIN and nothing else
(let ((answer (read-string #f in)))
  (print (string-length answer) (if (string=? answer text) " bytes, the same" " bytes, others")))
(close-input-port in)
