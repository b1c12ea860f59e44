import { createInterface } from 'node:readline/promises'
import { issueToken } from '../http/auth.ts'
import { isFieldId } from '../feeds/decode.ts'
import { hashGatewayPassword, isGatewayName } from '../feeds/gateway-accounts.ts'
import { authOf } from '../service.ts'
import { ROLES } from '../stores/identity.ts'
import { aDuration, oneOf, parse, WrongUse, type Command } from './command.ts'
import { settingsOf } from './with-database.ts'

export const tokenCommand: Command = {
  help: `relight token --role ${ROLES.join('|')} [--subject S] [--service-point ID]… [--ttl 1h]
    prints a signed token`,
  run: async (argv, io) => {
    const { values } = parse(
      argv,
      {
        role: { type: 'string' },
        subject: { type: 'string' },
        'service-point': { type: 'string', multiple: true, default: [] },
        ttl: { type: 'string', default: '1h' },
      },
      { least: 0, most: 0, names: 'options' },
    )
    if (values.role === undefined) throw new WrongUse(`--role is missing: ${ROLES.join(', ')}`)
    const role = oneOf('role', values.role, ROLES)
    for (const id of values['service-point']) {
      if (isFieldId(id)) continue
      const says = 'is 1 to 128 characters, none of them a control character'
      throw new WrongUse(`--service-point ${says}, not ${JSON.stringify(id)}`)
    }
    const auth = authOf(settingsOf(io))
    if (auth.kind !== 'secret') {
      throw new WrongUse('tokens come from RELIGHT_OIDC_ISSUER; unset it to sign with a secret')
    }
    const claims = {
      role,
      subject: values.subject ?? role,
      servicePoints: values['service-point'],
      ttlS: aDuration('ttl', values.ttl),
    }
    io.out(await issueToken(claims, auth.secret, io.now()))
    return 0
  },
}

export const gatewayPasswordCommand: Command = {
  help: `relight gateway-password NAME
    reads a password from the standard input and prints the line for the file that RELIGHT_MQTT_GATEWAYS names`,
  run: async (argv, io) => {
    const { positionals } = parse(argv, {}, { least: 1, most: 1, names: 'one NAME' })
    const name = positionals[0] as string
    if (!isGatewayName(name)) throw new WrongUse(`${name} cannot be a level of a topic`)
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
