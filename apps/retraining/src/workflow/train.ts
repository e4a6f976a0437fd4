import { fork } from 'node:child_process';
import type { Encoder } from '#libs/embedded';
import { reasonOf, siblingModule } from '#libs/platform';
import { retrainingError } from '../errors.ts';
import type { TrainedFacts, TrainerMessage, TrainRequest } from './trainer-protocol.ts';

export interface Trained {
  onnx: Uint8Array;
  facts: TrainedFacts;
  /** tokenizer.json, for a head on an encoder. */
  tokenizer?: Uint8Array;
  encoder?: Encoder;
}

export interface TrainOptions {
  /** Milliseconds. */
  timeout: number;
  /** Ends the process. */
  signal: AbortSignal;
  onProgress: (share: number, detail: string) => void;
}

/**
 * Trains in a process of its own.
 * @throws TidemillError TRAINING_REFUSED when the data cannot be trained on, TRAINING_FAILED when the process ends or
 *   takes too long; the signal's reason when it is aborted.
 */
export async function train(request: TrainRequest, { timeout, signal, onProgress }: TrainOptions): Promise<Trained> {
  signal.throwIfAborted();
  const { path, execArgv } = siblingModule(import.meta, 'trainer');
  const child = fork(path, [], { execArgv, serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const { promise, resolve, reject } = Promise.withResolvers<Trained>();
  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (lastWords = (lastWords + chunk).slice(-2000)));
  child.on('message', (message: TrainerMessage) => {
    if (message.kind === 'progress') onProgress(message.share, message.detail);
    else if (message.kind === 'trained') resolve({ onnx: message.onnx, facts: message.facts });
    else reject(retrainingError('TRAINING_REFUSED', { detail: message.reason }));
  });
  const fail = (detail: string) => reject(retrainingError('TRAINING_FAILED', { detail }));
  const exited = new Promise<void>((ended) => {
    child.once('exit', (code, killedBy) => {
      fail(`${killedBy ?? `exit ${String(code)}`} ${lastWords.trim()}`.trim());
      ended();
    });
    child.on('error', (error) => {
      fail(reasonOf(error));
      // What was never started does not exit.
      if (child.pid === undefined) ended();
    });
  });
  const timer = setTimeout(() => fail(`longer than ${timeout / 1000} s, see retraining.trainingTimeout`), timeout);
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    child.send(request);
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    child.kill('SIGKILL');
    await exited;
  }
}
