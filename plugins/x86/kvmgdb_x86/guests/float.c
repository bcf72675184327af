/* The only code here with floating point: for a look at st0, xmm0 and mxcsr.  64-bit mode only. */

volatile double ratio;
volatile long double extended;

unsigned floating(unsigned percent)
{
    ratio = percent / 100.0;            /* LINE float-sse */
    extended = (long double)ratio * 1024.0L; /* LINE float-x87 */
    return (unsigned)(ratio * 1000.0);
}
