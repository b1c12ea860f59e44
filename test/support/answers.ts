import { Compile, type Validator } from 'typebox/schema'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Described = { readonly content?: Readonly<Record<string, { readonly schema?: Json }>> }
type Operation = { readonly responses?: Readonly<Record<string, Described>> }
/** What /docs/json publishes, as far as answers are concerned. */
export type Document = {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Holds answers against the published document: what is not described there is a fault, and so is what is described and missing. */
export function openAnswers({ paths }: Document) {
  const checks = new Map<string, Validator>()
  const patterns = Object.keys(paths)
    .map((path) => ({
      path,
      fits: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    }))
    // A word that stands there goes before one that could be anything.
    .sort((a, b) => a.path.split('{').length - b.path.split('{').length)

  return function faultsOf(
    method: string,
    url: string,
    answer: { readonly status: number; readonly mediaType: string; readonly text: string },
  ): string[] {
    const path = patterns.find(({ fits }) => fits.test(url.replace(/[?#].*$/, '')))?.path
    const operation = path === undefined ? undefined : paths[path]?.[method.toLowerCase()]
    if (path === undefined || operation === undefined) return []
    const { status, mediaType, text } = answer
    const what = `${method} ${path} ${status}`
    const said = operation.responses ?? {}
    const described = said[status] ?? said[`${Math.floor(status / 100)}XX`]
    if (described === undefined) return [`${what} is not described`]
    if (text === '') {
      return described.content === undefined ? [] : [`${what}: empty, which is not what is said`]
    }
    const { schema } = described.content?.[mediaType] ?? {}
    if (schema === undefined) return [`${what}: ${mediaType} is not described`]
    if (!mediaType.endsWith('json')) return []
    const key = `${what} ${mediaType}`
    const check = checks.get(key) ?? Compile(closed(schema) as object)
    checks.set(key, check)
    const value: unknown = JSON.parse(text)
    if (check.Check(value)) return []
    const [, errors] = check.Errors(value)
    return errors.map(
      ({ instancePath, message, params }) =>
        `${what} ${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }
}

/** The schema with nothing let through that it does not name. */
function closed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(closed)
  if (schema === null || typeof schema !== 'object') return schema
  const all: Record<string, Json> = {}
  for (const [key, part] of Object.entries(schema)) all[key] = closed(part)
  const isNamed = all['type'] === 'object' && 'properties' in all
  return isNamed && !('additionalProperties' in all) ? { ...all, additionalProperties: false } : all
}
