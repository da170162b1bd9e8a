;; "line 0", "line 1" ... as text.
(define (lines-up-to count)
  (with-output-to-string
    (lambda ()
      (do ((i 0 (+ i 1))) ((= i count))
        (display "line ")
        (display i)
        (newline)))))
