import { GatewayClient } from '../gateway-client.ts';
import type { CommonOptions } from '../options.ts';
import { CliError } from '../cli-error.ts';
import { printJson, printTable } from '../output.ts';

interface Run {
  runId: string;
  model: string;
  status: string;
  version: number | null;
  startedAt: string;
  parameters: Record<string, string>;
  metrics: Record<string, number>;
}

async function fetchRuns(options: CommonOptions & { model?: string }): Promise<Run[]> {
  const client = await GatewayClient.open(options);
  const query = options.model === undefined ? '' : `?model=${encodeURIComponent(options.model)}`;
  return (await client.json<{ runs: Run[] }>(`/v1/runs${query}`)).runs;
}

export async function listRuns(options: CommonOptions & { model?: string }): Promise<void> {
  const runs = await fetchRuns(options);
  if (options.json === true) return printJson({ runs });
  printTable(
    ['run', 'model', 'status', 'version', 'accuracy', 'macro-F1', 'started'],
    runs.map(({ runId, model, status, version, metrics, startedAt }) => [
      runId,
      model,
      status,
      version,
      metrics['accuracy'] ?? null,
      metrics['macroF1'] ?? null,
      startedAt,
    ]),
  );
}

/** Parameters and metrics that differ, side by side. */
export async function compareRuns(left: string, right: string, options: CommonOptions): Promise<void> {
  const runs = await fetchRuns(options);
  const [a, b] = [left, right].map((id) => {
    const found = runs.filter(({ runId }) => runId.startsWith(id));
    if (found.length !== 1 || found[0] === undefined)
      throw new CliError(`${found.length === 0 ? 'no' : 'more than one'} run begins with ${id}; see \`tidemill runs\``);
    return found[0];
  });
  if (a === undefined || b === undefined) return;
  const rows = [
    ...differences('parameter', a.parameters, b.parameters),
    ...differences('metric', a.metrics, b.metrics),
  ];
  if (options.json === true) return printJson({ left: a, right: b, differences: rows });
  printTable(
    ['kind', 'name', a.runId, b.runId],
    rows.map(({ kind, name, left, right }) => [kind, name, left, right]),
  );
}

function differences<T extends string | number>(kind: string, a: Record<string, T>, b: Record<string, T>) {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .toSorted()
    .filter((name) => a[name] !== b[name])
    .map((name) => ({ kind, name, left: a[name] ?? null, right: b[name] ?? null }));
}
