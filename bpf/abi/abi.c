#include "myelin_abi.h"
