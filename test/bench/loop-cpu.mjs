/**
 * Loaded into a process under measurement (`--import`): how much CPU time its main thread spends between two looks 5 ms apart
 * that come late, because the event loop stood still. The rest of the delay it waited for a core.
 */
import { performance } from 'node:perf_hooks';

const resolution = 5;
let longest = { milliseconds: 0, cpu: 0 };
let last = { at: performance.now(), cpu: cpuMilliseconds() };
process.on('message', () => {
  process.send?.(longest);
  longest = { milliseconds: 0, cpu: 0 };
});
if (process.channel !== undefined) {
  process.channel.unref();
  setInterval(() => {
    const now = { at: performance.now(), cpu: cpuMilliseconds() };
    const [milliseconds, cpu] = [now.at - last.at - resolution, now.cpu - last.cpu];
    if (milliseconds > resolution)
      longest = {
        milliseconds: Math.max(longest.milliseconds, milliseconds),
        cpu: Math.max(longest.cpu, cpu),
      };
    last = now;
  }, resolution).unref();
}

function cpuMilliseconds() {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
