/**
 * The model host: a child process that owns one ONNX Runtime session. Opening and running a model block the thread they
 * are called on, so they happen here and never on a consumer's event loop; and a process can be ended at any moment.
 *
 * A host starts with every swap, on cores that are answering: it loads no module that it can do without. What the other
 * libs load when they are imported costs four times what opening the built-in model does.
 */
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import ort from 'onnxruntime-node';
import type { Tokenizer } from '#libs/tokenizer';
import { providersInTurn } from './execution-providers.ts';
import { lineDescriptor, readMessages, writeMessage } from './host-channel.ts';
import type { ClassifyRequest, HostModel, HostReply, HostRequest, OpenRequest } from './host-protocol.ts';
import { argmax, type GraphShape, runBatch, type RunGraph } from './run-batch.ts';
import { tokensInput, utf16Input } from './text-input.ts';

/** Golden answers may differ by this much between processors; the most probable class may not differ. */
const goldenTolerance = 1e-3;

let opened: { run: RunGraph; shape: GraphShape } | undefined;

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const line = new Socket({ fd: lineDescriptor });

function reply(message: HostReply): void {
  writeMessage(line, message);
}

/** `device` is the first of the providers that the session was opened with. */
async function createSession(request: OpenRequest): Promise<{ session: ort.InferenceSession; device: string }> {
  const { executionProviders: wanted, model, threads } = request;
  const known = ort.listSupportedBackends().map(({ name }) => name);
  const unknown = wanted.filter((provider) => !known.includes(provider));
  const failures = unknown.map((provider) => `${provider}: ONNX Runtime here does not have it`);
  for (const executionProviders of providersInTurn(wanted, known)) {
    const [device = ''] = executionProviders;
    try {
      const session = await ort.InferenceSession.create(model.modelPath, {
        executionProviders,
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        extra: {
          session: {
            // Spinning threads burn a core after every run.
            intra_op: { allow_spinning: '0' },
            // Without cpu among the providers, an operator that they do not take is an error, not a slow run.
            ...(wanted.includes('cpu') ? {} : { disable_cpu_ep_fallback: '1' }),
          },
        },
      });
      return { session, device };
    } catch (error) {
      failures.push(`${executionProviders.join(', ')}: ${reasonOf(error)}`);
    }
  }
  throw new Error(`no execution provider could open the model (${failures.join('; ')})`);
}

async function readTokenizer({ input, modelPath }: HostModel): Promise<Tokenizer | undefined> {
  if (input.kind !== 'tokens') return undefined;
  const { loadTokenizer } = await import('#libs/tokenizer');
  return loadTokenizer(await readFile(join(dirname(modelPath), 'tokenizer.json'), 'utf8'));
}

async function open(request: OpenRequest): Promise<void> {
  const { model } = request;
  const tokenizer = await readTokenizer(model);
  const { session, device } = await createSession(request);
  const [only = ''] = session.inputNames;
  const [output = ''] = session.outputNames;
  const run: RunGraph = async (feeds, rows, columns) => {
    const tensors = Object.entries(feeds).map(([name, data]) => {
      const tensor =
        data instanceof Int32Array
          ? new ort.Tensor('int32', data, [rows, columns])
          : new ort.Tensor('int64', data, [rows, columns]);
      return [name === '' ? only : name, tensor] as const;
    });
    const answer = (await session.run(Object.fromEntries(tensors), [output]))[output];
    if (!(answer?.data instanceof Float32Array)) throw new Error('the output of the graph is not float32');
    if (answer.dims.length !== 2 || answer.dims[0] !== rows)
      throw new Error(`the output of the graph is [${answer.dims.join(', ')}], not [${rows}, …]`);
    return answer.data;
  };
  const { input, output: kind, labels, temperature } = model;
  const shape: GraphShape = {
    input:
      input.kind === 'tokens' && tokenizer !== undefined
        ? tokensInput(input, { tokenizer, device })
        : utf16Input(input.kind === 'utf16' ? input.maximumCharacters : 0),
    output: kind,
    width: labels.length,
    temperature,
  };
  await prove(model, shape, run);
  opened = { run, shape };
  const residentBytes = process.memoryUsage.rss();
  reply({ kind: 'opened', device, tokenizerFallback: tokenizer?.reason, residentBytes });
}

/** Warm-up and proof in one: the first runs of a session are slow, and a damaged model answers differently. */
async function prove({ goldenTexts }: HostModel, shape: GraphShape, run: RunGraph): Promise<void> {
  const { values, refused } = await runBatch(
    goldenTexts.map((golden) => golden.text),
    shape,
    run,
  );
  if (refused[0] !== undefined)
    throw new Error(`golden text ${refused[0].row + 1} of ${goldenTexts.length}: ${refused[0].reason}`);
  for (const [row, golden] of goldenTexts.entries()) {
    const answer = values.subarray(row * shape.width, (row + 1) * shape.width);
    const far = golden.probabilities.some(
      (expected, i) => !(Math.abs(expected - (answer[i] ?? Number.NaN)) <= goldenTolerance),
    );
    if (far || argmax(answer) !== argmax(golden.probabilities))
      throw new Error(
        `golden text ${row + 1} of ${goldenTexts.length} is answered differently from what the bundle records`,
      );
  }
}

async function classify(request: ClassifyRequest): Promise<void> {
  if (opened === undefined) throw new Error('no model is open');
  const started = performance.now();
  const texts: string[] = [];
  let position = 0;
  for (const length of request.lengths) texts.push(request.joined.slice(position, (position += length)));
  const answer = await runBatch(texts, opened.shape, opened.run);
  const milliseconds = performance.now() - started;
  reply({ kind: 'answer', id: request.id, ...answer, milliseconds, residentBytes: memoryNowAndThen() });
}

let weighedAt = Number.NEGATIVE_INFINITY;

/** Reading it costs as much as answering a text. */
function memoryNowAndThen(): number | undefined {
  const now = performance.now();
  if (now - weighedAt < 1000) return undefined;
  weighedAt = now;
  return process.memoryUsage.rss();
}

let work = Promise.resolve();
readMessages(line, (message: HostRequest) => {
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
// Ctrl-C reaches the whole terminal group, a supervisor's SIGTERM perhaps too; the consumer drains first and then disconnects.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
line.on('close', () => process.exit(0));
line.on('error', () => undefined);
