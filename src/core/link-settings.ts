/** What a connection needs once, and the connection that takes its place in `startTls` again. */
export interface Inherited {
  /** Resets the connection when it is aborted. */
  readonly closeOn: AbortSignal | undefined;
  /** Whether a TLS peer may end its side without TLS's close_notify. */
  readonly allowTruncation: boolean;
  /** The name that the program has connected to, if it has: the certificate has to be for it. */
  readonly host: string | undefined;
}

/** What a connection captures when it is made. */
export interface LinkSettings {
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly bufferSize: number;
  /** Whether what was written in one turn is sent in one go. */
  readonly autoCork: boolean;
  /** Bytes that are read while no read waits. */
  readonly readAhead: number;
  /**
   * Most ms that a connection whose two sides were closed here discards what the peer still sends, waiting for its FIN:
   * closing with unread bytes sends RST, which can destroy what we sent before (RFC 2525, section 2.17; RFC 9112, section
   * 9.6). With `0` the socket is closed as soon as the FIN is sent; that is no reset, but the kernel sends RST if bytes are
   * unread.
   */
  readonly lingerTimeout: number;
  /** `null` if there is nothing of that kind. */
  readonly inherited: Inherited | null;
  /** The stack of the call that made the connection; see `noteMaker`. */
  readonly maker: string | undefined;
}
