import { fork } from 'node:child_process';
import { siblingModule, TidemillError } from '#libs/platform';
import type { Bundle } from './bundle.ts';
import { refusal } from './errors.ts';
import type { OptimumDraft } from './read-optimum.ts';

/** What is asked of an inspector: to inspect a bundle, or to read an Optimum export. */
export type InspectorRequest = Pick<Bundle, 'directory' | 'manifest'> | { optimum: string };

export type InspectorReply =
  | { kind: 'inspected'; draft: OptimumDraft | undefined }
  /** `code` as in the table of errors; undefined: a bug. */
  | { kind: 'failed'; message: string; code: string | undefined; retriable: boolean };

export interface InspectorOptions {
  /** Milliseconds. */
  timeout?: number;
}

/**
 * `inspectBundle` in a process of its own: what others made may be large, and patterns of a tokenizer may never end.
 * @throws TidemillError MODEL_REFUSED
 */
export async function inspectApart({ directory, manifest }: Bundle, options: InspectorOptions = {}): Promise<void> {
  await ask({ directory, manifest }, options);
}

/** `readOptimum` in a process of its own. @throws TidemillError BUNDLE_INVALID or MODEL_REFUSED */
export async function readOptimumApart(folder: string, options: InspectorOptions): Promise<OptimumDraft> {
  const draft = await ask({ optimum: folder }, options);
  if (draft === undefined) throw new Error('the inspector gave no draft');
  return draft;
}

async function ask(request: InspectorRequest, { timeout = 60_000 }: InspectorOptions) {
  const { path, execArgv } = siblingModule(import.meta, 'inspector');
  const inspector = fork(path, [], {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    timeout,
    killSignal: 'SIGKILL',
  });
  const reply = await new Promise<InspectorReply>((resolve, reject) => {
    inspector.once('message', (message: InspectorReply) => resolve(message));
    inspector.once('error', reject);
    // Not `exit`, which may come before its last word.
    inspector.once('close', (code, signal) => {
      const ended = `reading its files ended with ${signal ?? `code ${String(code)}`}`;
      const detail = inspector.killed
        ? `reading its files takes more than ${timeout / 1000} s; a pattern in tokenizer.json may never end`
        : ended;
      reject(refusal('MODEL_REFUSED', detail));
    });
    inspector.send(request);
  });
  if (reply.kind === 'inspected') return reply.draft;
  const { message, code, retriable } = reply;
  throw code === undefined ? new Error(message) : new TidemillError(code, { message, retriable });
}
