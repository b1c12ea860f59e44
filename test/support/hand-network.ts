import fs from 'node:fs'
import path from 'node:path'

/**
 * A network small enough to reckon by hand:
 *
 *     SRC1 ──[B1]── n1 ── n2 ──/FU/── n3 ──T1── P1:120
 *                         │ └──/FA/── n6 ──T4── P4:3 (phase A)
 *                       [SW1]
 *                         n4 ── n5 ──T2── P2:200, P2b:1
 *                               (TIE)
 *     SRC2 ──[B2]── m1 ──────── m2 ──T3── P3:80
 */
export const HAND_NETWORK: Readonly<Record<string, string>> = {
  'sources.csv': 'id,node,phases,rated_kva\nSRC1,n0,ABC,10000\nSRC2,m0,ABC,10000\n',
  'substations.csv':
    'id,name,area,lon,lat\nNORTH,"North, main",East,10.1,60.1\nSOUTH,South,West,10.2,60\n',
  'feeders.csv':
    'id,name,substation,head,rated_a,rated_kva\nF1,One,NORTH,B1,400,8000\nF2,Two,SOUTH,B2,400,8000\n',
  'nodes.csv':
    'id,kv,lon,lat\nn0,11,10.1,60.1\nn1,11,10.11,60.1\nn2,11,10.12,60.1\nn3,11,10.13,60.1\nn4,11,10.14,60.1\nn5,11,10.15,60.1\nn6,11,10.12,60.11\n' +
    's1,0.4,10.13,60.11\ns2,0.4,10.15,60.11\nm0,11,10.2,60\nm1,11,10.19,60\nm2,11,10.18,60\ns3,0.4,10.18,60.01\ns4,0.23,10.12,60.12\n',
  'switches.csv':
    'id,from,to,kind,phases,normal,rated_a,telemetered,name\nB1,n0,n1,breaker,ABC,closed,400,1,Head 1\nB2,m0,m1,breaker,ABC,closed,400,1,Head 2\n' +
    'FU,n2,n3,fuse,ABC,closed,100,0,"Fuse ""A"""\nSW1,n2,n4,load_break,ABC,closed,400,1,\nTIE,n5,m2,disconnector,ABC,open,400,1,Tie\nFA,n2,n6,fuse,A,closed,50,1,lateral\n',
  'lines.csv':
    'id,from,to,phases,length_m,rated_a,overhead,failures_per_km_year,repair_h\nL1,n1,n2,ABC,1000,400,1,0.1,4\nL2,n4,n5,ABC,2000,400,1,0.1,4\nL3,m1,m2,ABC,1500,400,0,0.05,5\n',
  'transformers.csv':
    'id,from,to,phases,kind,rated_kva,name,failures_per_year,repair_h\nT1,n3,s1,ABC,distribution,500,T one,0.015,10\nT2,n5,s2,ABC,distribution,500,,0.015,10\n' +
    'T3,m2,s3,ABC,distribution,500,,0.015,10\nT4,n6,s4,A,distribution,50,,0.015,10\n',
  'service_points.csv':
    'id,node,phases,customers,connected_kva,class,average_kw,peak_kw,priority,lon,lat\nP1,s1,ABC,120,400,residential,100,300,,10.13,60.11\n' +
    'P2,s2,ABC,200,450,residential,150,400,,10.15,60.11\nP2b,s2,ABC,1,50,hospital,20,50,life_support,10.15,60.111\n' +
    'P3,s3,ABC,80,300,commercial,70,200,critical,10.18,60.01\nP4,s4,A,3,30,residential,4,10,,10.12,60.12\n',
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text)
  return folder
}
