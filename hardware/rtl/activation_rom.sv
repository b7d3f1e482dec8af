// The activation tables, tanh and then sigmoid, each with k ascending from -128; bit 16 is odd
// parity. Written by `python -m vau_hardware.tables` from vau_backends/muntaniala/tables.py.
module activation_rom (
    input  logic        clk,
    input  logic        read,
    input  logic [8:0]  row,
    output logic [16:0] entry
`ifdef FAULT_INJECT
    , input logic       flip
    , input logic [8:0] flip_row
    , input logic [4:0] flip_bit
`endif
);
    logic [16:0] entries [0:511];

    initial begin
        entries[0] = 17'h1f003; entries[1] = 17'h1f003; entries[2] = 17'h1f003; entries[3] = 17'h1f003;
        entries[4] = 17'h0f004; entries[5] = 17'h0f004; entries[6] = 17'h0f004; entries[7] = 17'h0f004;
        entries[8] = 17'h1f005; entries[9] = 17'h1f005; entries[10] = 17'h1f005; entries[11] = 17'h1f006;
        entries[12] = 17'h1f006; entries[13] = 17'h1f006; entries[14] = 17'h0f007; entries[15] = 17'h0f007;
        entries[16] = 17'h0f008; entries[17] = 17'h0f008; entries[18] = 17'h1f009; entries[19] = 17'h1f009;
        entries[20] = 17'h1f00a; entries[21] = 17'h0f00b; entries[22] = 17'h0f00b; entries[23] = 17'h1f00c;
        entries[24] = 17'h0f00d; entries[25] = 17'h0f00e; entries[26] = 17'h0f00e; entries[27] = 17'h1f00f;
        entries[28] = 17'h0f010; entries[29] = 17'h1f011; entries[30] = 17'h1f012; entries[31] = 17'h1f014;
        entries[32] = 17'h0f015; entries[33] = 17'h0f016; entries[34] = 17'h1f018; entries[35] = 17'h0f019;
        entries[36] = 17'h1f01b; entries[37] = 17'h1f01d; entries[38] = 17'h1f01e; entries[39] = 17'h0f020;
        entries[40] = 17'h1f022; entries[41] = 17'h0f025; entries[42] = 17'h1f027; entries[43] = 17'h0f029;
        entries[44] = 17'h0f02c; entries[45] = 17'h0f02f; entries[46] = 17'h0f032; entries[47] = 17'h1f035;
        entries[48] = 17'h1f039; entries[49] = 17'h1f03c; entries[50] = 17'h0f040; entries[51] = 17'h1f044;
        entries[52] = 17'h1f048; entries[53] = 17'h1f04d; entries[54] = 17'h0f052; entries[55] = 17'h0f057;
        entries[56] = 17'h0f05d; entries[57] = 17'h1f063; entries[58] = 17'h1f069; entries[59] = 17'h0f070;
        entries[60] = 17'h1f077; entries[61] = 17'h1f07e; entries[62] = 17'h0f086; entries[63] = 17'h0f08f;
        entries[64] = 17'h0f098; entries[65] = 17'h0f0a2; entries[66] = 17'h1f0ac; entries[67] = 17'h1f0b7;
        entries[68] = 17'h0f0c2; entries[69] = 17'h0f0ce; entries[70] = 17'h1f0db; entries[71] = 17'h0f0e9;
        entries[72] = 17'h0f0f8; entries[73] = 17'h1f107; entries[74] = 17'h0f117; entries[75] = 17'h1f129;
        entries[76] = 17'h1f13b; entries[77] = 17'h1f14f; entries[78] = 17'h0f163; entries[79] = 17'h1f179;
        entries[80] = 17'h0f190; entries[81] = 17'h0f1a9; entries[82] = 17'h0f1c3; entries[83] = 17'h0f1de;
        entries[84] = 17'h1f1fb; entries[85] = 17'h1f219; entries[86] = 17'h0f23a; entries[87] = 17'h0f25c;
        entries[88] = 17'h1f280; entries[89] = 17'h0f2a5; entries[90] = 17'h1f2cd; entries[91] = 17'h1f2f7;
        entries[92] = 17'h0f323; entries[93] = 17'h0f352; entries[94] = 17'h0f383; entries[95] = 17'h0f3b6;
        entries[96] = 17'h0f3ec; entries[97] = 17'h0f424; entries[98] = 17'h0f45f; entries[99] = 17'h1f49d;
        entries[100] = 17'h0f4dd; entries[101] = 17'h1f521; entries[102] = 17'h0f567; entries[103] = 17'h1f5b1;
        entries[104] = 17'h0f5fd; entries[105] = 17'h0f64c; entries[106] = 17'h1f69f; entries[107] = 17'h0f6f4;
        entries[108] = 17'h0f74d; entries[109] = 17'h0f7a9; entries[110] = 17'h1f807; entries[111] = 17'h0f869;
        entries[112] = 17'h1f8ce; entries[113] = 17'h1f935; entries[114] = 17'h1f9a0; entries[115] = 17'h0fa0d;
        entries[116] = 17'h0fa7c; entries[117] = 17'h1faee; entries[118] = 17'h0fb63; entries[119] = 17'h1fbd9;
        entries[120] = 17'h0fc51; entries[121] = 17'h0fccb; entries[122] = 17'h0fd47; entries[123] = 17'h1fdc4;
        entries[124] = 17'h0fe42; entries[125] = 17'h1fec1; entries[126] = 17'h0ff40; entries[127] = 17'h1ffc0;
        entries[128] = 17'h00040; entries[129] = 17'h100c0; entries[130] = 17'h0013f; entries[131] = 17'h001be;
        entries[132] = 17'h0023c; entries[133] = 17'h102b9; entries[134] = 17'h10335; entries[135] = 17'h103af;
        entries[136] = 17'h00427; entries[137] = 17'h1049d; entries[138] = 17'h10512; entries[139] = 17'h10584;
        entries[140] = 17'h105f3; entries[141] = 17'h10660; entries[142] = 17'h006cb; entries[143] = 17'h10732;
        entries[144] = 17'h10797; entries[145] = 17'h007f9; entries[146] = 17'h10857; entries[147] = 17'h108b3;
        entries[148] = 17'h1090c; entries[149] = 17'h00961; entries[150] = 17'h109b4; entries[151] = 17'h10a03;
        entries[152] = 17'h00a4f; entries[153] = 17'h10a99; entries[154] = 17'h00adf; entries[155] = 17'h10b23;
        entries[156] = 17'h00b63; entries[157] = 17'h10ba1; entries[158] = 17'h10bdc; entries[159] = 17'h10c14;
        entries[160] = 17'h00c4a; entries[161] = 17'h10c7d; entries[162] = 17'h00cae; entries[163] = 17'h10cdd;
        entries[164] = 17'h00d09; entries[165] = 17'h00d33; entries[166] = 17'h10d5b; entries[167] = 17'h10d80;
        entries[168] = 17'h10da4; entries[169] = 17'h00dc6; entries[170] = 17'h00de7; entries[171] = 17'h00e05;
        entries[172] = 17'h00e22; entries[173] = 17'h10e3d; entries[174] = 17'h10e57; entries[175] = 17'h10e70;
        entries[176] = 17'h00e87; entries[177] = 17'h10e9d; entries[178] = 17'h00eb1; entries[179] = 17'h00ec5;
        entries[180] = 17'h00ed7; entries[181] = 17'h10ee9; entries[182] = 17'h00ef9; entries[183] = 17'h00f08;
        entries[184] = 17'h10f17; entries[185] = 17'h00f25; entries[186] = 17'h00f32; entries[187] = 17'h00f3e;
        entries[188] = 17'h00f49; entries[189] = 17'h00f54; entries[190] = 17'h00f5e; entries[191] = 17'h00f68;
        entries[192] = 17'h10f71; entries[193] = 17'h00f7a; entries[194] = 17'h10f82; entries[195] = 17'h00f89;
        entries[196] = 17'h10f90; entries[197] = 17'h00f97; entries[198] = 17'h00f9d; entries[199] = 17'h10fa3;
        entries[200] = 17'h10fa9; entries[201] = 17'h00fae; entries[202] = 17'h00fb3; entries[203] = 17'h10fb8;
        entries[204] = 17'h00fbc; entries[205] = 17'h10fc0; entries[206] = 17'h00fc4; entries[207] = 17'h00fc7;
        entries[208] = 17'h00fcb; entries[209] = 17'h00fce; entries[210] = 17'h10fd1; entries[211] = 17'h10fd4;
        entries[212] = 17'h10fd7; entries[213] = 17'h00fd9; entries[214] = 17'h10fdb; entries[215] = 17'h10fde;
        entries[216] = 17'h00fe0; entries[217] = 17'h10fe2; entries[218] = 17'h00fe3; entries[219] = 17'h00fe5;
        entries[220] = 17'h10fe7; entries[221] = 17'h10fe8; entries[222] = 17'h00fea; entries[223] = 17'h10feb;
        entries[224] = 17'h00fec; entries[225] = 17'h10fee; entries[226] = 17'h00fef; entries[227] = 17'h10ff0;
        entries[228] = 17'h00ff1; entries[229] = 17'h00ff2; entries[230] = 17'h00ff2; entries[231] = 17'h10ff3;
        entries[232] = 17'h00ff4; entries[233] = 17'h10ff5; entries[234] = 17'h10ff5; entries[235] = 17'h10ff6;
        entries[236] = 17'h00ff7; entries[237] = 17'h00ff7; entries[238] = 17'h00ff8; entries[239] = 17'h00ff8;
        entries[240] = 17'h10ff9; entries[241] = 17'h10ff9; entries[242] = 17'h10ffa; entries[243] = 17'h10ffa;
        entries[244] = 17'h10ffa; entries[245] = 17'h00ffb; entries[246] = 17'h00ffb; entries[247] = 17'h00ffb;
        entries[248] = 17'h10ffc; entries[249] = 17'h10ffc; entries[250] = 17'h10ffc; entries[251] = 17'h10ffc;
        entries[252] = 17'h00ffd; entries[253] = 17'h00ffd; entries[254] = 17'h00ffd; entries[255] = 17'h00ffd;
        entries[256] = 17'h00001; entries[257] = 17'h00002; entries[258] = 17'h00002; entries[259] = 17'h00002;
        entries[260] = 17'h00002; entries[261] = 17'h00002; entries[262] = 17'h00002; entries[263] = 17'h00002;
        entries[264] = 17'h00002; entries[265] = 17'h00002; entries[266] = 17'h10003; entries[267] = 17'h10003;
        entries[268] = 17'h10003; entries[269] = 17'h10003; entries[270] = 17'h10003; entries[271] = 17'h00004;
        entries[272] = 17'h00004; entries[273] = 17'h00004; entries[274] = 17'h00004; entries[275] = 17'h10005;
        entries[276] = 17'h10005; entries[277] = 17'h10005; entries[278] = 17'h10006; entries[279] = 17'h10006;
        entries[280] = 17'h10006; entries[281] = 17'h00007; entries[282] = 17'h00007; entries[283] = 17'h00008;
        entries[284] = 17'h00008; entries[285] = 17'h10009; entries[286] = 17'h10009; entries[287] = 17'h1000a;
        entries[288] = 17'h1000a; entries[289] = 17'h0000b; entries[290] = 17'h1000c; entries[291] = 17'h0000d;
        entries[292] = 17'h0000d; entries[293] = 17'h0000e; entries[294] = 17'h1000f; entries[295] = 17'h00010;
        entries[296] = 17'h10011; entries[297] = 17'h10012; entries[298] = 17'h00013; entries[299] = 17'h00015;
        entries[300] = 17'h00016; entries[301] = 17'h10017; entries[302] = 17'h00019; entries[303] = 17'h1001b;
        entries[304] = 17'h0001c; entries[305] = 17'h1001e; entries[306] = 17'h00020; entries[307] = 17'h10022;
        entries[308] = 17'h10024; entries[309] = 17'h10027; entries[310] = 17'h00029; entries[311] = 17'h0002c;
        entries[312] = 17'h1002e; entries[313] = 17'h00031; entries[314] = 17'h10035; entries[315] = 17'h00038;
        entries[316] = 17'h0003b; entries[317] = 17'h1003f; entries[318] = 17'h00043; entries[319] = 17'h10047;
        entries[320] = 17'h0004c; entries[321] = 17'h00051; entries[322] = 17'h10056; entries[323] = 17'h0005b;
        entries[324] = 17'h00061; entries[325] = 17'h00067; entries[326] = 17'h0006e; entries[327] = 17'h10074;
        entries[328] = 17'h0007c; entries[329] = 17'h00083; entries[330] = 17'h0008c; entries[331] = 17'h00094;
        entries[332] = 17'h0009e; entries[333] = 17'h000a7; entries[334] = 17'h100b2; entries[335] = 17'h100bd;
        entries[336] = 17'h000c8; entries[337] = 17'h100d4; entries[338] = 17'h100e1; entries[339] = 17'h000ef;
        entries[340] = 17'h000fd; entries[341] = 17'h1010d; entries[342] = 17'h0011d; entries[343] = 17'h0012e;
        entries[344] = 17'h10140; entries[345] = 17'h00153; entries[346] = 17'h10167; entries[347] = 17'h1017c;
        entries[348] = 17'h10192; entries[349] = 17'h001a9; entries[350] = 17'h101c1; entries[351] = 17'h001db;
        entries[352] = 17'h001f6; entries[353] = 17'h00212; entries[354] = 17'h00230; entries[355] = 17'h0024e;
        entries[356] = 17'h0026f; entries[357] = 17'h00290; entries[358] = 17'h002b4; entries[359] = 17'h002d8;
        entries[360] = 17'h102fe; entries[361] = 17'h00326; entries[362] = 17'h0034f; entries[363] = 17'h0037a;
        entries[364] = 17'h003a7; entries[365] = 17'h103d4; entries[366] = 17'h10404; entries[367] = 17'h00435;
        entries[368] = 17'h10467; entries[369] = 17'h1049b; entries[370] = 17'h104d0; entries[371] = 17'h10506;
        entries[372] = 17'h0053e; entries[373] = 17'h10577; entries[374] = 17'h105b1; entries[375] = 17'h005ec;
        entries[376] = 17'h00629; entries[377] = 17'h10666; entries[378] = 17'h106a3; entries[379] = 17'h106e2;
        entries[380] = 17'h00721; entries[381] = 17'h00760; entries[382] = 17'h007a0; entries[383] = 17'h107e0;
        entries[384] = 17'h10820; entries[385] = 17'h00860; entries[386] = 17'h008a0; entries[387] = 17'h108df;
        entries[388] = 17'h1091e; entries[389] = 17'h0095d; entries[390] = 17'h1099a; entries[391] = 17'h109d7;
        entries[392] = 17'h10a14; entries[393] = 17'h00a4f; entries[394] = 17'h00a89; entries[395] = 17'h00ac2;
        entries[396] = 17'h10afa; entries[397] = 17'h00b30; entries[398] = 17'h00b65; entries[399] = 17'h00b99;
        entries[400] = 17'h10bcb; entries[401] = 17'h00bfc; entries[402] = 17'h00c2c; entries[403] = 17'h10c59;
        entries[404] = 17'h00c86; entries[405] = 17'h10cb1; entries[406] = 17'h00cda; entries[407] = 17'h10d02;
        entries[408] = 17'h00d28; entries[409] = 17'h10d4c; entries[410] = 17'h10d70; entries[411] = 17'h10d91;
        entries[412] = 17'h00db2; entries[413] = 17'h10dd0; entries[414] = 17'h00dee; entries[415] = 17'h00e0a;
        entries[416] = 17'h10e25; entries[417] = 17'h00e3f; entries[418] = 17'h10e57; entries[419] = 17'h10e6e;
        entries[420] = 17'h00e84; entries[421] = 17'h00e99; entries[422] = 17'h10ead; entries[423] = 17'h00ec0;
        entries[424] = 17'h00ed2; entries[425] = 17'h10ee3; entries[426] = 17'h00ef3; entries[427] = 17'h10f03;
        entries[428] = 17'h10f11; entries[429] = 17'h00f1f; entries[430] = 17'h00f2c; entries[431] = 17'h00f38;
        entries[432] = 17'h00f43; entries[433] = 17'h10f4e; entries[434] = 17'h10f59; entries[435] = 17'h00f62;
        entries[436] = 17'h10f6c; entries[437] = 17'h10f74; entries[438] = 17'h10f7d; entries[439] = 17'h10f84;
        entries[440] = 17'h00f8c; entries[441] = 17'h00f92; entries[442] = 17'h10f99; entries[443] = 17'h10f9f;
        entries[444] = 17'h10fa5; entries[445] = 17'h10faa; entries[446] = 17'h10faf; entries[447] = 17'h10fb4;
        entries[448] = 17'h00fb9; entries[449] = 17'h10fbd; entries[450] = 17'h00fc1; entries[451] = 17'h10fc5;
        entries[452] = 17'h00fc8; entries[453] = 17'h00fcb; entries[454] = 17'h10fcf; entries[455] = 17'h10fd2;
        entries[456] = 17'h10fd4; entries[457] = 17'h10fd7; entries[458] = 17'h00fd9; entries[459] = 17'h00fdc;
        entries[460] = 17'h10fde; entries[461] = 17'h00fe0; entries[462] = 17'h10fe2; entries[463] = 17'h10fe4;
        entries[464] = 17'h00fe5; entries[465] = 17'h10fe7; entries[466] = 17'h00fe9; entries[467] = 17'h00fea;
        entries[468] = 17'h10feb; entries[469] = 17'h10fed; entries[470] = 17'h10fee; entries[471] = 17'h00fef;
        entries[472] = 17'h10ff0; entries[473] = 17'h00ff1; entries[474] = 17'h00ff2; entries[475] = 17'h10ff3;
        entries[476] = 17'h10ff3; entries[477] = 17'h00ff4; entries[478] = 17'h10ff5; entries[479] = 17'h10ff6;
        entries[480] = 17'h10ff6; entries[481] = 17'h00ff7; entries[482] = 17'h00ff7; entries[483] = 17'h00ff8;
        entries[484] = 17'h00ff8; entries[485] = 17'h10ff9; entries[486] = 17'h10ff9; entries[487] = 17'h10ffa;
        entries[488] = 17'h10ffa; entries[489] = 17'h10ffa; entries[490] = 17'h00ffb; entries[491] = 17'h00ffb;
        entries[492] = 17'h00ffb; entries[493] = 17'h10ffc; entries[494] = 17'h10ffc; entries[495] = 17'h10ffc;
        entries[496] = 17'h10ffc; entries[497] = 17'h00ffd; entries[498] = 17'h00ffd; entries[499] = 17'h00ffd;
        entries[500] = 17'h00ffd; entries[501] = 17'h00ffd; entries[502] = 17'h00ffe; entries[503] = 17'h00ffe;
        entries[504] = 17'h00ffe; entries[505] = 17'h00ffe; entries[506] = 17'h00ffe; entries[507] = 17'h00ffe;
        entries[508] = 17'h00ffe; entries[509] = 17'h00ffe; entries[510] = 17'h00ffe; entries[511] = 17'h10fff;
    end

    always_ff @(posedge clk) begin
        if (read) entry <= entries[row];
`ifdef FAULT_INJECT
        if (flip) entries[flip_row] <= entries[flip_row] ^ (17'd1 << flip_bit);
`endif
    end
endmodule
