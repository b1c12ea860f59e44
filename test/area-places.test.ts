import fc from 'fast-check'
import t from 'tap'
import { boxOf, NEAR, placeMarks } from '../src/pages/public/area-places.ts'

const SIZE = { width: 560, height: 440 }
const mark = fc.record({
  x: fc.integer({ min: 70, max: 490 }),
  y: fc.integer({ min: 70, max: 370 }),
  nameWidth: fc.integer({ min: 10, max: 160 }),
})

t.test(
  'no mark of an area lies on another, nor over the edge, however close the areas are',
  async (t) => {
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 60 }), (marks) => {
        const boxes = placeMarks(marks, SIZE).map(({ atX, atY, nameWidth, named }) =>
          boxOf(atX, atY, named ? nameWidth : null),
        )
        return boxes.every(
          (a, i) =>
            a.left >= 0 &&
            a.top >= 0 &&
            a.right <= SIZE.width &&
            a.bottom <= SIZE.height &&
            boxes.every(
              (b, j) =>
                i === j ||
                a.right <= b.left ||
                b.right <= a.left ||
                a.bottom <= b.top ||
                b.bottom <= a.top,
            ),
        )
      }),
    )
    const alone = placeMarks([{ x: 280, y: 220, nameWidth: 60 }], SIZE)
    t.same(alone, [{ x: 280, y: 220, nameWidth: 60, atX: 280, atY: 220, named: true }])
    const twins = placeMarks(
      Array.from({ length: 6 }, () => ({ x: 280, y: 220, nameWidth: 60 })),
      SIZE,
    )
    t.equal(twins.length, 6, 'six areas in one place are six marks')
    t.ok(twins.every(({ named }) => named))
    const moved = twins.filter(({ x, y, atX, atY }) => Math.hypot(atX - x, atY - y) > NEAR)
    t.equal(moved.length, 5, 'the first stays where it lies')
    const many = placeMarks(
      Array.from({ length: 400 }, () => ({ x: 280, y: 220, nameWidth: 60 })),
      SIZE,
    )
    t.ok(many.length >= 30 && many.length < 400, `${many.length} of 400 have room`)
  },
)
