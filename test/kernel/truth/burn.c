/* burn: computes and never blocks. */
#include "truth.h"

int main(void)
{
	volatile unsigned long work = 0;

	ready(0);
	for (;;)
		work = work + 1;
}
