import type { Manifest } from './bundle.ts';

/** Messages between a consumer process and its model host (Node IPC, advanced serialization). */

/** How a host opens a model; answered by `opened` or `refused`. */
export interface OpenRequest {
  kind: 'open';
  modelPath: string;
  labels: string[];
  maximumCharacters: number;
  /** Answered and compared before the host reports itself open. */
  goldenTexts: Manifest['goldenTexts'];
  executionProviders: string[];
  threads: number;
}

/** One batch; answered by `answer` or `error` with the same id. */
export interface ClassifyRequest {
  kind: 'classify';
  id: number;
  /** All texts joined, so that one flat value crosses the process border. */
  joined: string;
  /** UTF-16 length of each text in `joined`. */
  lengths: Int32Array;
}

export type HostRequest = OpenRequest | ClassifyRequest;

export type HostReply =
  | { kind: 'opened'; device: string; milliseconds: number }
  | { kind: 'refused'; reason: string }
  | { kind: 'error'; id: number; reason: string }
  | {
      kind: 'answer';
      id: number;
      /** Rows × labels, row-major, in the order of the request. */
      probabilities: Float32Array;
      /** 1 where the text was longer than the model takes and was cut. */
      truncated: Uint8Array;
      /** Time the batch took in the host. */
      milliseconds: number;
    };
