/** The small process of a HostLauncher. It loads nothing but what it takes to start another one. */
import type { LauncherReply, LauncherRequest } from './host-launcher.ts';
import { type HostProcess, startHost } from './host-process.ts';

const hosts = new Map<number, HostProcess>();

function reply(message: LauncherReply, line?: HostProcess['socket']): void {
  // Who asked may have ended; then so does this process.
  process.send?.(message, line, {}, () => undefined);
}

async function start(id: number, request: Extract<LauncherRequest, { kind: 'start' }>): Promise<void> {
  try {
    const host = await startHost(request.module);
    hosts.set(id, host);
    reply({ kind: 'started', id, pid: host.pid }, host.socket);
    const how = await host.ended;
    hosts.delete(id);
    reply({ kind: 'ended', id, how });
  } catch (error) {
    reply({ kind: 'failed', id, reason: error instanceof Error ? error.message : String(error) });
  }
}

process.on('message', (request: LauncherRequest) => {
  if (request.kind === 'start') void start(request.id, request);
  else hosts.get(request.id)?.kill();
});
// Ctrl-C and a supervisor's SIGTERM may reach it too; the consumer drains first.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
// Not `disconnect`, which does not come while a line is on its way to who has been killed.
process.stdin.resume().on('close', () => process.exit(0));
