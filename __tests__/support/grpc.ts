import {
  Client,
  credentials as kinds,
  Server,
  ServerCredentials,
  type ChannelCredentials,
  type ChannelOptions,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";

const INSECURE = kinds.createInsecure();
const PATH = "/Echo/echo";
const asIs = (bytes: Buffer): Buffer => bytes;

/** Messages of any size, of which 1 MiB may be on its way. */
const OPTIONS = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc-node.flow_control_window": 1024 * 1024,
};

/** A gRPC server that listens nowhere, and answers each call with its message. */
export function echoServer(): Server {
  const server = new Server(OPTIONS);
  const method = {
    ...{ path: PATH, requestStream: false, responseStream: false },
    ...{
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
  const answer = ({ request }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void =>
    callback(null, request);
  server.addService({ echo: method }, { echo: answer });
  return server;
}

/** Has a gRPC server listen on a free port of 127.0.0.1. */
export function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

interface EchoClientOptions {
  readonly credentials?: ChannelCredentials;
  readonly options?: ChannelOptions;
}

/** A client of {@link echoServer}, with connections of its own, which it makes when it is called. */
export class EchoClient {
  readonly #client: Client;

  constructor(target: string, { credentials = INSECURE, options = {} }: EchoClientOptions = {}) {
    const own = { ...OPTIONS, "grpc.use_local_subchannel_pool": 1 };
    this.#client = new Client(target, credentials, { ...own, ...options });
  }

  /** Resolves to what the server has answered. */
  echo(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(PATH, asIs, asIs, bytes, (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer as Buffer);
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}
