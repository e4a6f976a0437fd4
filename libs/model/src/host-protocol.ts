import type { Manifest } from './bundle.ts';
import type { BatchAnswer } from './run-batch.ts';

/** Messages between a consumer process and its model host (host-channel.ts). */

/** What a host needs to know of a model: a bundle's manifest, or as much of it as exists while one is being made. */
export interface HostModel {
  /** model.onnx; the tokenizer.json of input kind `tokens` lies beside it. */
  modelPath: string;
  /** In the order of the graph's output columns; none for embeddings. */
  labels: string[];
  input: Manifest['input'];
  /** `embeddings`: an encoder, asked with `embed`. */
  output: Manifest['output'] | 'embeddings';
  temperature: number;
  /** Answered and compared before the host is open. */
  goldenTexts: Manifest['goldenTexts'];
}

/** How a host opens a model; answered by `opened` or `refused`. */
export interface OpenRequest {
  kind: 'open';
  model: HostModel;
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
  | {
      kind: 'opened';
      device: string;
      /** Why token ids come from the library and not from the typed-array path, where they do. */
      tokenizerFallback: string | undefined;
      /** Memory of the host's process. */
      residentBytes: number;
    }
  | { kind: 'refused'; reason: string }
  | { kind: 'error'; id: number; reason: string }
  | (BatchAnswer & {
      kind: 'answer';
      id: number;
      /** Time the batch took in the host. */
      milliseconds: number;
      /** Memory of the host's process; now and then. */
      residentBytes: number | undefined;
    });
