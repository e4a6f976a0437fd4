import { expect, it } from 'vitest';
import { openTestStream } from '../support/stream.ts';

it('idle connections cost next to no CPU', async () => {
  await using test = await openTestStream({ create: ['texts', 'labels'] });
  const pipelines = await Promise.all(
    (['texts', 'labels'] as const).map((topic) =>
      test.stream.consume({ groupId: `idle-${topic}`, topics: [topic], handleBatch: async () => undefined }),
    ),
  );
  const window = 3000;
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, window));
  const { user, system } = process.cpuUsage(before);
  // Unguarded each connection takes 2 % and more by itself; two consumers have four connections.
  expect((user + system) / 1000 / window).toBeLessThan(0.05);
  for (const pipeline of pipelines) await pipeline.close();
});
