/** One event of a simulated network. As text it is one line: `"1500 a: connected to 10.0.0.2:80"`. */
export class NetworkEvent {
  /** Virtual milliseconds since the start. */
  readonly time: number;
  /** The name of the host where it happened; `""` for what concerns the network itself. */
  readonly host: string;
  /** What happened, in words. */
  readonly event: string;

  constructor(time: number, host: string, event: string) {
    this.time = time;
    this.host = host;
    this.event = event;
  }

  /** The event as one line, with its time and its host. */
  toString(): string {
    const { time, host, event } = this;
    return host === "" ? `${String(time)} ${event}` : `${String(time)} ${host}: ${event}`;
  }
}
