/** The inspector: a child process that reads one bundle or export from outside, says what it found, and ends. */
import { reasonOf, TidemillError } from '#libs/platform';
import type { InspectorReply, InspectorRequest } from './inspect-apart.ts';
import { inspectBundle } from './inspect-bundle.ts';
import { readOptimum } from './read-optimum.ts';

async function inspect(request: InspectorRequest): Promise<InspectorReply> {
  try {
    if ('optimum' in request) return { kind: 'inspected', draft: await readOptimum(request.optimum) };
    await inspectBundle(request);
    return { kind: 'inspected', draft: undefined };
  } catch (error) {
    const { code, retriable } = error instanceof TidemillError ? error : { code: undefined, retriable: false };
    return { kind: 'failed', message: reasonOf(error), code, retriable };
  }
}

process.once('message', (request: InspectorRequest) => {
  void inspect(request).then((reply) => process.send?.(reply, () => process.disconnect()));
});
