import { GatewayClient } from '../gateway-client.ts';
import type { CommonOptions } from '../options.ts';
import { printJson, printLine, printTable } from '../output.ts';

interface Serving {
  instance: string;
  model: string;
  version: number;
  epoch: number;
  state: string;
  device: string;
}

interface Status {
  ready: boolean;
  idle: boolean;
  reasons: string[];
  apps: Record<string, { ready: boolean; idle: boolean; reasons: string[]; serving?: Serving[] }>;
  lags: Record<string, Record<string, number | null>>;
}

/** What runs, lags, and the version of each instance. Exit 1 when something is not ready. */
export async function status(options: CommonOptions): Promise<void> {
  const client = await GatewayClient.open(options);
  const answer = await client.json<Status>('/v1/status');
  if (!answer.ready) process.exitCode = 1;
  if (options.json === true) return printJson(answer);
  const summary = answer.ready ? (answer.idle ? 'ready, nothing pending' : 'ready, at work') : 'not ready';
  printLine(`${client.url}: ${summary}`);
  for (const reason of answer.reasons) printLine(`  ${reason}`);
  printLine('');
  printTable(
    ['app', 'ready', 'idle'],
    Object.entries(answer.apps).map(([name, app]) => [name, yes(app.ready), yes(app.idle)]),
  );
  printLine('');
  printTable(
    ['consumer group', 'topic', 'lag'],
    Object.entries(answer.lags).flatMap(([group, topics]) =>
      Object.entries(topics).map(([topic, lag]) => [group, topic, lag]),
    ),
  );
  const serving = Object.values(answer.apps).flatMap((app) => app.serving ?? []);
  if (serving.length === 0) return;
  printLine('');
  printTable(
    ['instance', 'version', 'epoch', 'state', 'device'],
    serving.map(({ instance, model, version, epoch, state, device }) => [
      instance,
      `${model}@${version}`,
      epoch,
      state,
      device,
    ]),
  );
}

function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}
