import { type QueryAnalysis, QueryClass } from 'chdb/durable/node';
import { clickhouseError } from '../errors.ts';

/** What the guard asks the engine; none of it runs the query. */
export interface Inspector {
  analyse(sql: string): Promise<Pick<QueryAnalysis, 'statementCount' | 'queryClass'>>;
  /** The lines of an EXPLAIN. */
  explain(kind: 'AST' | 'QUERY TREE run_passes=0', sql: string): Promise<string[]>;
}

/** Every kind of syntax node a question over tables needs. Settings, parameters, formats and files are not among them. */
const allowedNodes = new Set([
  'ArrayJoin',
  'Asterisk',
  'ColumnsApplyTransformer',
  'ColumnsExceptTransformer',
  'ColumnsListMatcher',
  'ColumnsRegexpMatcher',
  'ColumnsReplaceTransformer',
  'ColumnsReplaceTransformer::Replacement',
  'ColumnsTransformerList',
  'ExpressionList',
  'Function',
  'Identifier',
  'InterpolateElement',
  'Literal',
  'OrderByElement',
  'QualifiedAsterisk',
  'QualifiedColumnsListMatcher',
  'QualifiedColumnsRegexpMatcher',
  'SampleRatio',
  'SelectIntersectExceptQuery',
  'SelectQuery',
  'SelectWithUnionQuery',
  'Subquery',
  'TableExpression',
  'TableIdentifier',
  'TableJoin',
  'TablesInSelectQuery',
  'TablesInSelectQueryElement',
  'WindowDefinition',
  'WindowListElement',
  'WithElement',
]);

/** Table functions that read nothing but their arguments. */
const allowedTableFunctions = new Set([
  'numbers',
  'numbers_mt',
  'zeros',
  'generate_series',
  'generateSeries',
  'values',
]);

/** Functions that reach files, the network, other processes, the configuration or the clock of the process. */
const deniedFunctions =
  /^(file|filesystem\w*|executable\w*|catboostEvaluate|evalMLMethod|naiveBayes\w*|ai[A-Z]\w*|dictGet\w*|dictHas|dictIsIn|joinGet\w*|hasColumnInTable|getServerSetting|getServerPort|getMacro|getClientHTTPHeader|getMergeTreeSetting|showCertificate|hostName|FQDN|fqdn|fullHostName|serverUUID|tcpPort|sleep\w*|logTrace|addressTo\w*|demangle|zookeeper\w*|generateSerialID|region\w+|structureTo\w*|schemaFrom\w*|transaction\w+|fuzz\w+|url|remote\w*|cluster\w*|s3\w*|hdfs\w*|mysql|postgresql|sqlite|odbc|jdbc|mongodb|redis|input|eval|__\w+)$/i;

/** Databases that are not the analyst's; of `system` a few harmless tables. */
const foreignDatabase = /^(system|information_schema|default)\./i;
const allowedSystemTables = /^system\.(one|numbers|tables|columns|databases)(\.|$)/;

/**
 * Accepts one SELECT that reads tables and nothing else, and refuses everything else with the reason.
 *
 * `readonly` is no sandbox in the embedded engine: file(), INTO OUTFILE, SYSTEM and KILL still run. The engine's own
 * parser and analyser say what the text is; text patterns over SQL are bypassed by `arrayMap(file, …)`, `* APPLY(file)`
 * and the like, which the unresolved query tree shows.
 * @throws TidemillError ANALYST_QUERY_REFUSED
 */
export async function guardAnalystQuery(inspector: Inspector, sql: string): Promise<void> {
  if (sql.trim() === '') throw refused('it is empty');
  const { statementCount, queryClass } = await inspector.analyse(sql);
  if (queryClass === QueryClass.Unknown) throw refused('it is not valid SQL');
  if (statementCount !== 1) throw refused('it holds more than one statement');
  if (queryClass !== QueryClass.ReadOnly) throw refused('only SELECT is allowed');
  const [root, ...nodes] = await inspector.explain('AST', sql);
  if (root === undefined || nodeKind(root) !== 'SelectWithUnionQuery') {
    throw refused('only SELECT is allowed; tables are listed in system.tables, columns in system.columns');
  }
  if (!root.endsWith('(children 1)')) throw refused('leave out FORMAT, SETTINGS and INTO');
  for (const line of nodes) {
    const kind = nodeKind(line);
    if (!allowedNodes.has(kind)) throw refused(`${kind} is not allowed`);
  }
  for (const line of await inspector.explain('QUERY TREE run_passes=0', sql)) checkTreeLine(line);
}

function nodeKind(line: string): string {
  return /^\s*([A-Za-z:]+)/.exec(line)?.[1] ?? line.trim();
}

/** A node with what it names: `FUNCTION id: 2, function_name: file, function_type: ordinary`. */
function checkTreeLine(line: string): void {
  const names = [...line.matchAll(/\b(table_function_name|function_name|identifier): ([^,]*)/g)];
  // An alias is printed as it is and could pose as the name: file('x') AS "function_name: length".
  if (names.length > 1) throw refused('an alias looks like a part of the query tree');
  for (const [, property, name = ''] of names) {
    if (property === 'identifier') checkIdentifier(name);
    else if (property === 'function_name' ? deniedFunctions.test(name) : !allowedTableFunctions.has(name)) {
      throw refused(`function ${name} is not allowed`);
    }
  }
}

function checkIdentifier(name: string): void {
  // A function may be named by an identifier: arrayMap(file, …). Our tables have no columns of those names.
  if (deniedFunctions.test(name)) throw refused(`${name} is not allowed`);
  if (/[/\\]/.test(name)) throw refused('a file is not a table');
  if (foreignDatabase.test(name) && !allowedSystemTables.test(name)) throw refused(`${name} is not allowed`);
}

function refused(detail: string): Error {
  return clickhouseError('ANALYST_QUERY_REFUSED', { detail });
}
