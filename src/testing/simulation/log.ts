/** One event of a simulated network. As text it is one line: `"1500 a: connected to 10.0.0.2:80"`. */
export class NetworkEvent {
  /** Virtual milliseconds since the start. */
  readonly time: number;
  /** The name of the host where it happened; `""` for what concerns the network itself. */
  readonly host: string;
  readonly event: string;

  constructor(time: number, host: string, event: string) {
    this.time = time;
    this.host = host;
    this.event = event;
  }

  toString(): string {
    const { time, host, event } = this;
    return host === "" ? `${String(time)} ${event}` : `${String(time)} ${host}: ${event}`;
  }
}
