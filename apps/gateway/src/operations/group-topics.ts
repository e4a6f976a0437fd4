import type { GroupTopics } from './system-status.ts';

/** Which consumer group commits on which topics; their lags together say whether anything is pending. */
export const groupTopics: GroupTopics = {
  inference: ['texts'],
  monitoring: ['texts', 'labels', 'predictions', 'drift-reports', 'performance-reports'],
};
