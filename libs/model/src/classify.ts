import type { HostModel } from './host-protocol.ts';
import { ModelHost, type HostOptions } from './model-host.ts';
import { argmax } from './run-batch.ts';

/** What one text is answered. */
export interface Classified {
  label: string;
  confidence: number;
  /** In the order of the labels. */
  probabilities: number[];
}

/** Texts handed to a host at a time: few enough that a large transformer on one core is not taken for one that hangs. */
const batchTexts = 16;

/**
 * Answers texts offline with exactly the code that serves: the same host process, normalisation and graph.
 * @throws TidemillError as ModelHost does; the signal's reason between two batches.
 */
export async function classify(
  model: HostModel,
  texts: readonly string[],
  options: HostOptions,
): Promise<Classified[]> {
  await using host = await ModelHost.open(model, options);
  return await classifyWith(host, { labels: model.labels, signal: options.signal }, texts);
}

/** The same on a host that is already open. */
export async function classifyWith(
  host: ModelHost,
  { labels, signal }: { labels: readonly string[]; signal?: AbortSignal | undefined },
  texts: readonly string[],
): Promise<Classified[]> {
  const results: Classified[] = [];
  for (let start = 0; start < texts.length; start += batchTexts) {
    signal?.throwIfAborted();
    const batch = texts.slice(start, start + batchTexts);
    const { probabilities } = await host.classify(batch);
    for (let row = 0; row < batch.length; row++)
      results.push(classified(probabilities.subarray(row * labels.length, (row + 1) * labels.length), labels));
  }
  return results;
}

/** The most probable label of one row. */
export function classified(row: Float32Array, labels: readonly string[]): Classified {
  const best = argmax(row);
  return { label: labels[best] ?? '', confidence: row[best] ?? 0, probabilities: [...row] };
}
