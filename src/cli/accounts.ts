import { createInterface } from 'node:readline/promises'
import { issueToken } from '../http/auth.ts'
import { isFieldId } from '../feeds/decode.ts'
import { hashGatewayPassword, isGatewayName } from '../feeds/gateway-accounts.ts'
import { authOf } from '../service.ts'
import { ROLES } from '../stores/identity.ts'
import { aDuration, allOf, oneOf, parse, WrongUse, type Command } from './command.ts'
import { settingsOf } from './with-database.ts'

export const tokenCommand: Command = {
  help: `relight token --role ${ROLES.join('|')} [--subject S] [--service-point ID]… [--ttl 1h]
    prints a signed token`,
  run: async (argv, io) => {
    const claims = parse(
      argv,
      {
        role: { type: 'string' },
        subject: { type: 'string' },
        'service-point': { type: 'string', multiple: true, default: [] },
        ttl: { type: 'string', default: '1h' },
      },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        role: () => {
          if (values.role === undefined)
            throw new WrongUse(`--role is missing: ${ROLES.join(', ')}`)
          return oneOf('role', values.role, ROLES)
        },
        subject: () => values.subject ?? values.role ?? '',
        servicePoints: () => Object.values(allOf(values['service-point'].map(aServicePoint))),
        ttlS: () => aDuration('ttl', values.ttl),
      }),
    )
    const auth = authOf(settingsOf(io))
    if (auth.kind !== 'secret') {
      throw new WrongUse('tokens come from RELIGHT_OIDC_ISSUER; unset it to sign with a secret')
    }
    io.out(await issueToken(claims, auth.secret, io.now()))
    return 0
  },
}

const aServicePoint =
  (id: string): (() => string) =>
  () => {
    if (isFieldId(id)) return id
    const says = 'is 1 to 128 characters, none of them a control character'
    throw new WrongUse(`--service-point ${says}, not ${JSON.stringify(id)}`)
  }

export const gatewayPasswordCommand: Command = {
  help: `relight gateway-password NAME
    reads a password from the standard input and prints the line for the file that RELIGHT_MQTT_GATEWAYS names`,
  run: async (argv, io) => {
    const { name } = parse(
      argv,
      {},
      { least: 1, most: 1, names: 'one NAME' },
      ({ positionals: [text = ''] }) => ({
        name: () => {
          if (!isGatewayName(text)) throw new WrongUse(`${text} cannot be a level of a topic`)
          return text
        },
      }),
    )
    const lines = createInterface({ input: process.stdin })
    let password = ''
    for await (const line of lines) {
      password = line
      break
    }
    if (password === '') throw new WrongUse('the password is empty')
    io.out(`${name}:${await hashGatewayPassword(password)}`)
    return 0
  },
}
