let last = Promise.resolve();

/**
 * Resolves in a turn of the event loop that nobody else who asks here gets: between two pieces of work that are long together,
 * heartbeats are sent and requests answered.
 */
export function eventLoopTurn(): Promise<void> {
  return (last = last.then(() => new Promise((resolve) => setImmediate(resolve))));
}
