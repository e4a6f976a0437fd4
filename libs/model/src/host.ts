/**
 * The model host: a child process that owns one ONNX Runtime session. Opening and running a model block the thread they
 * are called on, so they happen here and never on a consumer's event loop; and a process can be ended at any moment.
 */
import ort from 'onnxruntime-node';
import { reasonOf } from '#libs/platform';
import type { ClassifyRequest, HostReply, HostRequest, OpenRequest } from './host-protocol.ts';
import { argmax, runBatch, type RunGraph } from './run-batch.ts';

/** Golden answers may differ by this much between processors; the most probable class may not differ. */
const goldenTolerance = 1e-3;

let opened: { run: RunGraph; labels: number; maximumCharacters: number } | undefined;

function reply(message: HostReply): void {
  process.send?.(message);
}

async function createSession(request: OpenRequest): Promise<{ session: ort.InferenceSession; device: string }> {
  const failures: string[] = [];
  for (const device of request.executionProviders) {
    try {
      const session = await ort.InferenceSession.create(request.modelPath, {
        executionProviders: [device],
        intraOpNumThreads: request.threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        // Spinning threads burn a core after every run.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return { session, device };
    } catch (error) {
      failures.push(`${device}: ${reasonOf(error)}`);
    }
  }
  throw new Error(`no execution provider could open the model (${failures.join('; ')})`);
}

async function open(request: OpenRequest): Promise<void> {
  const started = performance.now();
  const { session, device } = await createSession(request);
  const [input = ''] = session.inputNames;
  const [output = ''] = session.outputNames;
  const run: RunGraph = async (units, rows, columns) => {
    const results = await session.run({ [input]: new ort.Tensor('int32', units, [rows, columns]) });
    const data = results[output]?.data;
    if (!(data instanceof Float32Array)) throw new Error('the output of the graph is not float32');
    return data;
  };
  const shape = { labels: request.labels.length, maximumCharacters: request.maximumCharacters };
  // Warm-up and proof in one: the first runs of a session are slow, and a damaged model answers differently.
  const answer = await runBatch(
    request.goldenTexts.map((golden) => golden.text),
    shape,
    run,
  );
  for (const [row, golden] of request.goldenTexts.entries()) {
    const values = answer.probabilities.subarray(row * shape.labels, (row + 1) * shape.labels);
    const far = golden.probabilities.some(
      (expected, i) => !(Math.abs(expected - (values[i] ?? Number.NaN)) <= goldenTolerance),
    );
    if (far || argmax(values) !== argmax(golden.probabilities))
      throw new Error(
        `golden text ${row + 1} of ${request.goldenTexts.length} is answered differently from what the bundle records`,
      );
  }
  opened = { run, ...shape };
  reply({ kind: 'opened', device, milliseconds: performance.now() - started });
}

async function classify(request: ClassifyRequest): Promise<void> {
  if (opened === undefined) throw new Error('no model is open');
  const started = performance.now();
  const texts: string[] = [];
  let position = 0;
  for (const length of request.lengths) texts.push(request.joined.slice(position, (position += length)));
  const answer = await runBatch(texts, opened, opened.run);
  reply({ kind: 'answer', id: request.id, ...answer, milliseconds: performance.now() - started });
}

let work = Promise.resolve();
process.on('message', (message: HostRequest) => {
  // One at a time and in order; the next request waits in the pipe.
  work = work.then(async () => {
    try {
      await (message.kind === 'open' ? open(message) : classify(message));
    } catch (error) {
      reply(
        message.kind === 'open'
          ? { kind: 'refused', reason: reasonOf(error) }
          : { kind: 'error', id: message.id, reason: reasonOf(error) },
      );
    }
  });
});
// Ctrl-C reaches the whole terminal group; the consumer drains first and then disconnects.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
