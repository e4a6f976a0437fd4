/** The ranks of docs/architecture.md: a lib imports only lower ranks, apps meet on topics and in ClickHouse, one technology lives in one lib. */
const ranks = [
  ['events', 'statistics', 'normalisation', 'tokenizer'],
  ['platform', 'lines', 'evaluation', 'classifier'],
  ['embedded', 'stream', 'clickhouse', 'model', 'http'],
  ['registry'],
];

const rankRules = ranks.flatMap((libs, rank) =>
  libs.map((lib) => ({
    name: `rank-${rank}-${lib}`,
    comment: `libs/${lib} has rank ${rank} and may import only libs of lower rank`,
    severity: 'error',
    from: { path: `^libs/${lib}/src` },
    to: {
      path: `^libs/(${ranks
        .slice(rank)
        .flat()
        .filter((other) => other !== lib)
        .join('|')})/|^apps/`,
    },
  })),
);

const home = (technology, lib, also = '') => ({
  name: `only-${lib}-knows-${technology.replaceAll(/[^a-z]/g, '-')}`,
  comment: `${technology} is known to libs/${lib} only`,
  severity: 'error',
  from: { path: '^(libs|apps)/', pathNot: `^libs/${lib}/${also}|\\.spec\\.ts$` },
  to: { path: `(^|node_modules/)${technology}(/|$)` },
});

module.exports = {
  forbidden: [
    ...rankRules,
    {
      name: 'libs-do-not-import-apps',
      comment: 'a lib never knows who uses it',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-do-not-import-apps',
      comment:
        'apps meet on topics and in ClickHouse; only standalone puts them in one process, only the cli starts standalone',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/(standalone|cli)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'cli-imports-only-standalone',
      comment: 'the cli talks to the services over HTTP and Kafka; `up` alone starts them in its own process',
      severity: 'error',
      from: { path: '^apps/cli/' },
      to: { path: '^apps/', pathNot: '^apps/(cli|standalone)/' },
    },
    {
      name: 'libs-through-their-index',
      comment: 'a lib is used through its index, so that its inside can change',
      severity: 'error',
      from: { path: '^(libs/([^/]+)|apps/[^/]+)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/$2/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'product-does-not-import-tests',
      comment: 'what ships never needs what tests it',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '\\.spec\\.ts$|/testing/' },
      to: { path: '^test/|/testing/|\\.spec\\.ts$' },
    },
    {
      name: 'pure-libs-are-pure',
      comment: 'rank 0, evaluation and classifier have no I/O, no Nest, no clock and no randomness of their own',
      severity: 'error',
      from: { path: '^libs/(events|statistics|tokenizer|evaluation|classifier)/src', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: 'node_modules/(@huggingface/tokenizers|zod)/' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle is two rooms that are one',
      severity: 'error',
      from: { path: '^(libs|apps)/' },
      to: { circular: true },
    },
    home('kafkajs', 'stream'),
    home('@kafkajs/confluent-schema-registry', 'stream'),
    home('@clickhouse/client', 'clickhouse'),
    home('chdb', 'clickhouse'),
    home('onnxruntime-node', 'model'),
    home('@huggingface/tokenizers', 'tokenizer'),
    home('@prometheus-io/client', 'platform'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['tidemill-source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.json', '.mjs', '.cjs'],
    },
  },
};
